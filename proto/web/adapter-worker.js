// The SharedWorker of the adapter pages: one connection for all tabs of a browser.
import { serveTabs } from './adapter-link.js';
import { connect } from './hookswitch.js';

const [, id, dialect] = JSON.parse(self.name);
const ports = new Map(); // tab -> port
const hub = serveTabs({ id, dialect, url: '/v1/events', connect }, (tab, message) => ports.get(tab)?.postMessage(message), navigator.locks);

// While this lock is held, the worker lives: tabs wait for it and learn at once when it does not.
const lock = `hookswitch-hub ${self.name}`;
const locked = new Promise((resolve) => {
  if (!navigator.locks) return resolve(false);
  navigator.locks.request(lock, () => {
    resolve(true);
    return new Promise(() => {});
  }).catch(() => resolve(false));
});

self.onconnect = ({ ports: [port] }) => {
  locked.then((held) => port.postMessage({ kind: 'hello', lock: held ? lock : null }));
  port.onmessage = ({ data }) => {
    if (data.kind === 'join') ports.set(data.tab, port);
    hub.on(data);
    if (data.kind === 'leave') ports.delete(data.tab);
  };
};
