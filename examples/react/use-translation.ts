// A React hook: what is said goes in, segments of translation come out, over as many connections as it takes.
import { useCallback, useEffect, useRef, useState } from "react";
import {
  type ClientOptions,
  type ClientState,
  connect,
  type SouffleurClient,
  Transcript,
  type TranscriptSegment,
} from "souffleur/client";

export interface Translation {
  state: ClientState;
  /** Why there is no stream, in a sentence. */
  problem: string | undefined;
  /** The newest segments, the oldest of them first: a key for each is `${target} ${segment}`. */
  segments: readonly TranscriptSegment[];
  /** Says text; resolves when there is room for more. Before the stream is open it waits for that. */
  say(text: string): Promise<void>;
  commit(): Promise<void>;
}

/**
 * Keeps a stream open while the component is there.
 * @param options a new stream is opened where one of these changes: keep `token` the same from one render to the next
 */
export function useTranslation({ url, source, target, wait, token }: ClientOptions): Translation {
  const [state, setState] = useState<ClientState>("connecting");
  const [problem, setProblem] = useState<string>();
  const [segments, setSegments] = useState<readonly TranscriptSegment[]>([]);
  const stream = useRef<Promise<SouffleurClient>>(undefined);
  const address = String(url);
  const targets = [target].flat().join();

  useEffect(() => {
    const leaving = new AbortController();
    const transcript = new Transcript({ keep: 100 });
    const languages = targets.split(",");
    const opening = connect({
      ...{ url: address, source, target: languages.length > 1 ? languages : languages[0], wait, token },
      signal: leaving.signal,
    });
    stream.current = opening;
    setState("connecting");
    setSegments([]);
    const follow = async () => {
      const open = await opening;
      setState(open.state);
      open.on("state", (change) => {
        setState(change.state);
        setProblem(change.reason?.message);
      });
      for await (const message of open) {
        transcript.take(message);
        setSegments(transcript.segments);
      }
    };
    follow().catch((error: unknown) => {
      if (leaving.signal.aborted) return;
      setState("closed");
      setProblem(error instanceof Error ? error.message : String(error));
    });
    return () => leaving.abort();
  }, [address, source, targets, wait, token]);

  const say = useCallback(async (text: string) => (await stream.current)?.send(text), []);
  const commit = useCallback(async () => (await stream.current)?.commit(), []);
  return { state, problem, segments, say, commit };
}
