// What carries rooms between servers: messages to all that know a room, and questions to the one that has its speaker.
import type { RelayAnswer, RelayNews, RelayQuestion } from "./relay-messages.ts";

/** Takes what the other servers say of a room. */
export type RelayFollower = (message: RelayNews) => void;
/** Answers what they ask of the server that has it. */
export type RelayOwner = (question: RelayQuestion) => RelayAnswer;

export interface RoomRelay {
  /** Whether other servers can be reached now. */
  readonly up: boolean;
  /** Takes what other servers say of a room, until the function that is returned is called. */
  follow(room: string, follower: RelayFollower): () => void;
  /** Answers for a room, until the function that is returned is called. */
  own(room: string, owner: RelayOwner): () => void;
  /** Tells the others; where they cannot be reached it is lost, and they ask when they can. */
  tell(room: string, message: RelayNews): void;
  /** Asks the server that has the room. @returns undefined where none has, or none answers */
  ask(room: string, question: RelayQuestion): Promise<RelayAnswer | undefined>;
  /** Called whenever the others can be reached again. */
  onUp: () => void;
  close(): Promise<void>;
}
