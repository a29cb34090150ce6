// How a page comes to a token: from the fragment, from its parent, or from a pop-up at the address of `login_url`.

const TOKEN_CHARS_MAX = 8192;

/** The token if it can be one, else undefined. */
export const usable = (token) => typeof token === 'string' && token !== '' && token.length <= TOKEN_CHARS_MAX ? token : undefined;

/** The token in a URL fragment, or undefined. */
export function tokenInFragment(hash) {
  return usable(new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined);
}

/** {token, state} in the address to which a login came back, in its fragment or its query. */
export function tokenInCallback(uri) {
  let url;
  try {
    url = new URL(uri);
  } catch {
    return {};
  }
  for (const params of [new URLSearchParams(url.hash.slice(1)), url.searchParams]) {
    for (const name of ['token', 'access_token', 'id_token']) {
      const token = usable(params.get(name) ?? undefined);
      if (token) return { token, state: params.get('state') ?? undefined };
    }
  }
  return {};
}

/** One attempt after another to log in by pop-up; only what answers the last one counts. */
export class PopupLogin {
  #loginUrl;
  #callback;
  #client;
  #random;
  #state;
  popup = null;

  /** loginUrl: of the configuration; callback: where the login comes back to. */
  constructor({ loginUrl, callback, client, random = () => crypto.getRandomValues(new Uint32Array(4)).join('-') }) {
    this.#loginUrl = loginUrl;
    this.#callback = callback;
    this.#client = client;
    this.#random = random;
  }

  get possible() { return Boolean(this.#loginUrl); }

  /** The address to open, with a state of its own. */
  begin() {
    const url = new URL(this.#loginUrl);
    this.#state ??= this.#random();
    url.searchParams.set('client_id', this.#client);
    url.searchParams.set('response_type', 'token');
    url.searchParams.set('redirect_uri', this.#callback);
    url.searchParams.set('state', this.#state);
    return url.href;
  }

  /** The token in an answer that is ours; undefined for any other. An answer serves once. */
  finish(callbackUri) {
    const { token, state } = tokenInCallback(callbackUri);
    if (!token || !this.#state || state !== this.#state) return undefined;
    this.#state = undefined;
    return token;
  }

  /** The token in a message of the pop-up: by way of our own callback page, or straight from where the login is. */
  fromPopup(event, ownOrigin) {
    if (!this.popup || event.source !== this.popup) return undefined;
    if (event.origin === ownOrigin) return this.finish(event.data?.callbackUri);
    if (event.origin !== new URL(this.#loginUrl).origin || event.data?.type !== 'hookswitch-token') return undefined;
    return usable(event.data.token);
  }
}
