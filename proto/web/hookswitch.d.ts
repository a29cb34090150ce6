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

/** This tab, as leases are given by: who is focused comes before who is visible. */
export interface Tab {
  id: string;
  visible: boolean;
  focused: boolean;
}

/** Who acts for a user over all tabs and computers. `token` only grows: whoever acts shows it, and an old one is refused. */
export interface Lease {
  purpose: string;
  /** The id of a tab; null: nobody, or the pop has been opened (which is then forgotten here). */
  holder: string | null;
  token: number;
  /** True for this connection, and only while it is open. */
  mine: boolean;
}

export type CommandName =
  | 'initiate_call' | 'hang_up' | 'hold' | 'resume' | 'mute' | 'unmute' | 'answer' | 'reject' | 'transfer' | 'dtmf'
  | 'enable_current_tab' | 'open_pop' | 'set_presence';

/** The command was taken; what became of it is told by `command.done`, `command.failed` or `command.unconfirmed`. */
export interface Reply {
  op: 'reply';
  id: string;
  ok: true;
  command_id?: string;
  [member: string]: unknown;
}

/** `code`: of the server's table, or `not_open` (not sent), `connection_lost` or `no_reply` (nobody knows). */
export interface CommandError extends Error {
  code: string;
}

export interface ControlFrame {
  op: string;
  [member: string]: unknown;
}

/** What `on` can listen to, and what a listener is given. */
export interface Listeners {
  /** Each event; in a page dialect each page message, without its `hookswitch` member. Store and cursor already hold it. */
  event(event: any, cursor?: string): void;
  state(state: ConnectionState, detail: StateDetail): void;
  /** Something in `calls` is new, changed or gone. */
  calls(calls: ReadonlyMap<string, Call>): void;
  lease(lease: Lease): void;
  /** Control frames with no method here: `subscribed`, `unsubscribed`, `error`, `reply`. */
  control(frame: ControlFrame): void;
}

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
  /** Asked when there is none, about a minute before a JWT ends (it is then replaced in band), and after 4002. */
  getToken?: () => string | Promise<string>;
  /** Default `hookswitch.v1`. */
  protocol?: Protocol;
  /** Cursor to go on from. The store then holds only calls that later events speak of. */
  since?: string;
  /** Filters for as long as the connection lives; none means everything the token may see. */
  subscribe?: Filter[];
  /** `own`: calls leave the store when the user's last leg has ended. Default `org`: when the call has. */
  view?: 'own' | 'org';
  /** At least once: after a reconnect everything since the last `ack()` comes again. */
  ack?: boolean;
  /** This tab, for leases. `focus()` tells what becomes of it. */
  tab?: Partial<Tab> & { id: string };
  onEvent?: Listeners['event'];
  onState?: Listeners['state'];
  onCalls?: Listeners['calls'];
  onLease?: Listeners['lease'];
  onControl?: Listeners['control'];
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
  /** Grows with every change of `calls`: for who must see whether something changed. */
  readonly version: number;
  /** By purpose, as last told. Without a connection none is `mine`. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** Adds a listener, beside the options' own; the function returned takes it away. */
  on<What extends keyof Listeners>(what: What, listener: Listeners[What]): () => void;
  /** Adds a filter, also to all later connections. */
  subscribe(id: string, filter: Filter): void;
  /** Takes it away again. May reconnect, with the cursor, so that nothing is missed. */
  unsubscribe(id: string): void;
  /** A fresh token, used in band. */
  setToken(token: string): void;
  /** Not for cloudevents.json. Rejected when the connection is not open or is lost meanwhile: no answer within `timeout_ms` is a loss. */
  ping(timeout_ms?: number): Promise<{ latency_ms: number; time: unknown }>;
  /** After a sleep: asks at once whether the connection lives, or dials at once. Pages that become visible and networks that come back do it by themselves. */
  wake(): void;
  /** hookswitch.v1 only. `id` makes it idempotent: the same id again is the same command. Rejected with a CommandError. */
  command(name: CommandName, params?: object, more?: { id?: string; [member: string]: unknown }): Promise<Reply>;
  /** An event made by this page, for tokens with scope `publish`. False, and not sent, unless open. */
  publish(type: string, data: object): boolean;
  /** Everything up to the cursor (default: all that was heard) is handled. With option `ack` only. */
  ack(cursor?: string): boolean;
  /** What became of this tab. */
  focus(visible: boolean, focused: boolean): void;
  /** The fencing token, if the lease is held here; else null. */
  holds(purpose: string): number | null;
  /** One frame as it is: a page message in a page dialect. False, and not sent, unless open. */
  send(frame: object): boolean;
  close(): void;
}

/**
 * Connects, and stays connected: resumes with the last cursor after a loss, with growing, jittered
 * delays (0.5 to 30 s). 4001, 4003 and 4004 end it; 4002 asks `getToken` first, or ends it.
 */
export function connect(options?: ConnectOptions): Connection;
