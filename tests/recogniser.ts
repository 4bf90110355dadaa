// A browser's speech recogniser that a test leads.

/** A recogniser that the test leads: `hear` gives a guess, `hear(text, true)` the end of an utterance. */
export const RECOGNISER = `window.SpeechRecognition = class {
  constructor() { window.recogniser = this; window.begun = (window.begun ?? 0) + 1; }
  start() { window.listening = this.lang; }
  stop() { window.listening = ""; }
  hear(text, isFinal = false) {
    this.onresult({ resultIndex: 0, results: [Object.assign([{ transcript: text }], { isFinal })] });
  }
};`;
