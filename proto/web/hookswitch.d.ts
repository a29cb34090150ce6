// Types of hookswitch.js. A server may add members to any object: ignore those you do not know.

export type Direction = 'inbound' | 'outbound' | 'internal' | 'unknown';
export type CallState = 'dialing' | 'ringing' | 'connected' | 'held' | 'ended';
export type LegState = 'trying' | 'proceeding' | 'early' | 'confirmed' | 'held' | 'terminated';
export type Disposition =
  | 'answered' | 'no_answer' | 'busy' | 'rejected' | 'cancelled' | 'failed' | 'voicemail' | 'transferred' | 'unknown';

/** One end of a call. `number` is E.164 where it is one; `presented` is what the PBX sent. */
export interface Party {
  number?: string | null;
  presented?: string | null;
  ext?: string | null;
  name?: string | null;
  aor?: string | null;
}

/** One party's attachment to a call. Times are RFC 3339, UTC. */
export interface Leg {
  id: string;
  role?: string;
  user?: string | null;
  ext?: string | null;
  number?: string | null;
  state: LegState;
  ringing_at?: string | null;
  answered_at?: string | null;
  ended_at?: string | null;
  end_reason?: string | null;
  [member: string]: unknown;
}

export interface Call {
  id: string;
  org: string;
  state: CallState;
  direction: Direction;
  from?: Party | null;
  to?: Party | null;
  did?: string | null;
  customer?: Party | null;
  queue?: { name?: string } | null;
  legs: Leg[];
  started_at?: string | null;
  answered_at?: string | null;
  ended_at?: string | null;
  disposition?: Disposition | null;
  [member: string]: unknown;
}

/** A CloudEvent: what happened, with the whole call as it then was and the leg that changed. */
export interface HookswitchEvent {
  specversion: '1.0';
  id: string;
  cursor: string;
  source: string;
  type: string;
  subject?: string;
  time: string;
  data: { call?: Call; leg?: Partial<Leg>; absorbed?: string; [member: string]: unknown };
}

/** Lists are OR, members are AND. A type may end in `*`. */
export interface Filter {
  users?: string[];
  ext?: string[];
  queues?: string[];
  calls?: string[];
  types?: string[];
  directions?: Direction[];
  sources?: string[];
}

export interface Welcome {
  op: 'welcome';
  session: string;
  org: string;
  user?: string | null;
  cursor: string;
  /** True: what was missed follows. False: `snapshot` is everything there is now, as of `cursor`. */
  resumed: boolean;
  snapshot?: Call[];
  ping_ms?: number;
  limits?: Record<string, unknown>;
}

export type Protocol = 'hookswitch.v1' | 'cloudevents.json' | 'rc-embeddable' | 'opencti-dialpad' | 'elma365';

/**
 * connecting: a token is fetched, a socket opened, the welcome awaited.
 * open: frames flow.
 * waiting: the connection was lost; the next attempt comes after `delay_ms`, or when the network is back.
 * closed: for good. `code` says why; connect() again when the reason is cured.
 */
export type ConnectionState = 'connecting' | 'open' | 'waiting' | 'closed';

/** `code` is a close code of the server, 4000 when this side gave up, 0 when there was no socket, 1000 for close(). */
export interface StateDetail extends Partial<Omit<Welcome, 'op'>> {
  code?: number;
  reason?: string;
  delay_ms?: number;
}

export interface ConnectOptions {
  /** Default: `/v1/events` of the server this module came from. http(s) is turned into ws(s). */
  url?: string | URL;
  /** Sent in the first frame, never in the URL. Without one the server must allow anonymous clients. */
  token?: string;
  /** Asked for a token when there is none, and again after the server said that it expired (4002). */
  getToken?: () => string | Promise<string>;
  /** Default `hookswitch.v1`. */
  protocol?: Protocol;
  /** Cursor to go on from. The store then holds only calls that later events speak of. */
  since?: string;
  /** Filters for as long as the connection lives; none means everything the token may see. */
  subscribe?: Filter[];
  /** `own`: calls leave the store when the user's last leg has ended. Default `org`: when the call has. */
  view?: 'own' | 'org';
  /**
   * Each event; in a page dialect each page message, without its `hookswitch` member. The store and
   * the cursor already hold it.
   */
  onEvent?: (event: any) => void;
  onState?: (state: ConnectionState, detail: StateDetail) => void;
  /** Control frames with no method here: `subscribed`, `unsubscribed`, `reply`, `lease`, `error`. */
  onControl?: (frame: { op: string; [member: string]: unknown }) => void;
  /** WebSocket class, for runtimes that have none of their own. */
  WebSocketImpl?: any;
}

export interface Connection {
  readonly state: ConnectionState;
  /** How far this client is: of the last event heard, or of a later pong. Keep it, and give it as `since`, to miss nothing over a reload. */
  readonly cursor: string | undefined;
  /** The last welcome; null before it and in the page dialects. */
  readonly welcome: Welcome | null;
  /** Round trip of the last ping, null before the first. */
  readonly latency_ms: number | null;
  /** The calls by id, live; one that has ended stays for ten seconds. */
  readonly calls: ReadonlyMap<string, Call>;
  /** Adds a filter, also to all later connections. */
  subscribe(id: string, filter: Filter): void;
  /** Takes it away again. May reconnect, with the cursor, so that nothing is missed. */
  unsubscribe(id: string): void;
  /** A fresh token: used in band where the protocol has that, else by reconnecting with the cursor. */
  setToken(token: string): void;
  /** hookswitch.v1 only. Rejected when the connection is not open or is lost meanwhile. */
  ping(): Promise<{ latency_ms: number; time: unknown }>;
  /** One frame as it is: a page message in a page dialect. False, and not sent, unless open. */
  send(frame: object): boolean;
  close(): void;
}

/**
 * Connects, and stays connected: resumes with the last cursor after a loss, with growing, jittered
 * delays (0.5 to 30 s). 4001, 4003 and 4004 end it; 4002 asks `getToken` first, or ends it.
 */
export function connect(options?: ConnectOptions): Connection;
