// Speech from the microphone, where the browser turns it into words (Web Speech API); only what it is sure of is said.

const REASONS = {
  missing: "This browser does not turn speech into text. Chrome, Edge and Safari do.",
  insecure: "The microphone needs a page that is served over https.",
  "not-allowed": "The microphone is not allowed on this page: allow it in the browser's address bar.",
  "service-not-allowed": "This browser's speech service is turned off.",
  "audio-capture": "There is no microphone.",
  network: "The browser's speech service cannot be reached.",
  "language-not-supported": "The browser's speech service does not know this language.",
};

/** What is no reason to stop: the service goes on when it is started again. */
const PASSING = ["no-speech", "aborted"];

export class Speech {
  #stage;
  /** @type {any} the browser's recogniser, of which there are no types */
  #recognition;
  #language = "";
  /** Words of the utterance that were said already, and its last guess. */
  #said = 0;
  /** @type {string[]} */
  #guess = [];

  /**
   * @param {{ say: (text: string) => void, commit: () => void, changed: () => void, failed: (reason: string) => void }} stage
   *   `failed`: why it has stopped by itself
   */
  constructor(stage) {
    this.#stage = stage;
  }

  /** Why there is no speech on this page; undefined where there is. */
  get obstacle() {
    if (constructorOf() === undefined) return REASONS.missing;
    return isSecureContext ? undefined : REASONS.insecure;
  }

  get listening() {
    return this.#recognition !== undefined;
  }

  /** @param {string} language of the speaker */
  start(language) {
    const Recognition = constructorOf();
    if (this.listening || Recognition === undefined) return;
    this.#language = language;
    this.#begin(Recognition);
    this.#stage.changed();
  }

  stop() {
    const recognition = this.#recognition;
    if (recognition === undefined) return;
    this.#recognition = undefined;
    recognition.onend = recognition.onresult = recognition.onerror = null;
    recognition.stop();
    this.#sayRest(this.#guess);
    this.#stage.changed();
  }

  /** @param {new () => any} Recognition */
  #begin(Recognition) {
    const recognition = new Recognition();
    recognition.lang = this.#language;
    recognition.continuous = true;
    recognition.interimResults = true;
    recognition.onresult = (/** @type {any} */ event) => this.#hear(event);
    recognition.onerror = (/** @type {{ error: string }} */ { error }) => this.#fail(error);
    // Browsers end it after a while of silence, or of speech.
    recognition.onend = () => {
      this.#sayRest(this.#guess);
      this.#begin(Recognition);
    };
    this.#recognition = recognition;
    recognition.start();
  }

  /** @param {any} event */
  #hear(event) {
    let open = "";
    for (let index = event.resultIndex; index < event.results.length; index += 1) {
      const result = event.results[index];
      if (result.isFinal) this.#sayRest(wordsOf(result[0].transcript));
      else open += ` ${result[0].transcript}`;
    }
    const guess = wordsOf(open);
    const agreed = guess.findIndex((word, index) => word !== this.#guess[index]);
    const sure = Math.min(agreed < 0 ? guess.length : agreed, guess.length - 1);
    if (sure > this.#said) {
      this.#stage.say(`${guess.slice(this.#said, sure).join(" ")} `);
      this.#said = sure;
    }
    this.#guess = guess;
  }

  /** The utterance has ended with these words: those that were not said follow. What was said stays, whatever it is now. @param {string[]} words */
  #sayRest(words) {
    const rest = words.slice(this.#said).join(" ");
    if (rest !== "") this.#stage.say(`${rest} `);
    if (words.length > 0) this.#stage.commit();
    this.#said = 0;
    this.#guess = [];
  }

  /** @param {string} error */
  #fail(error) {
    if (PASSING.includes(error)) return;
    this.stop();
    this.#stage.failed(
      REASONS[/** @type {keyof typeof REASONS} */ (error)] ?? "The browser's speech service has failed.",
    );
  }
}

/** @returns {(new () => any) | undefined} */
function constructorOf() {
  const known = /** @type {any} */ (window);
  return known.SpeechRecognition ?? known.webkitSpeechRecognition;
}

/** @param {string} text */
function wordsOf(text) {
  return text.split(/\s+/u).filter((word) => word !== "");
}
