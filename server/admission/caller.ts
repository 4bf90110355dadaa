// Who a request is from: what it shows of itself, and what that comes to.

/** What a transport knows of a request before anything is believed. Headers that were not sent are "". */
export interface Shown {
  /** The part of the URL after `?`. */
  query: string;
  /** Header `authorization`. */
  authorization: string;
  /** Header `origin`: the page that asks, where a browser says so. */
  origin: string;
  /** Header `x-forwarded-for`. */
  forwardedFor: string;
  /** Address of the socket's other end: a proxy's, where there is one. */
  peer: string;
}

/** Whom a credential stands for. */
export interface Holder {
  /** The API key's name in the key file. */
  key: string;
  /** Where it showed a token: what that is restricted to. */
  token?: TokenScope;
}

/** What streams may be opened with a token; what is absent is not restricted. */
export interface TokenScope {
  source?: string;
  target?: readonly string[];
  /** The only room: a stream must speak there. */
  room?: string;
}

/** Turns a credential into whom it stands for: API keys are one way, tokens made from them another. */
export interface CredentialVerifier {
  /** Undefined for what is none of its own, or no longer good. Never throws for what a client sent. */
  verify(credential: string): Holder | undefined;
  /** Whether a holder that it let in may stay. */
  stands(holder: Holder): boolean;
}

export interface Caller {
  /** The client's address, behind the proxies that are trusted. */
  address: string;
  /** Undefined where the server takes anyone, and until a credential was shown. */
  holder: Holder | undefined;
}
