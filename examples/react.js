// A React hook for the calls of the person who is logged in, and a list that uses it. Works as it is, without a build step;
// with JSX, `h(Tag, props, …)` is `<Tag>`.
import { createElement as h, useEffect, useMemo, useSyncExternalStore } from 'react';

/** The client for as long as the component lives. `connect` is that of hookswitch.js, `options` its options; give the same object each time. */
export function useHookswitch(connect, options) {
  const store = useMemo(() => {
    let client = null;
    const listeners = new Set();
    const tell = () => { for (const listener of listeners) listener(); };
    return {
      open() {
        client = connect(options);
        client.on('calls', tell);
        client.on('state', tell);
        return () => client.close();
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      version: () => `${client?.state} ${client?.version}`, // changes whenever there is something new to see
      get client() { return client; },
    };
  }, [connect, options]);
  useEffect(() => store.open(), [store]);
  useSyncExternalStore(store.subscribe, store.version);
  return store.client;
}

export function Calls({ connect, options }) {
  const client = useHookswitch(connect, options);
  const hangUp = (call_id) => client.command('hang_up', { call_id }).catch(({ code }) => console.warn('not hung up:', code));
  return h('section', null,
    h('p', { role: 'status' }, client?.state ?? 'connecting'),
    h('ul', null, [...client?.calls.values() ?? []].map((call) => h('li', { key: call.id },
      `${call.state}: ${call.customer?.name ?? call.customer?.number ?? 'unknown'} `,
      h('button', { type: 'button', onClick: () => hangUp(call.id) }, 'Hang up')))));
}
