// A network between a browser and the daemon that can be cut, and that can fall silent.
import { once } from 'node:events';
import { connect as dial, createServer } from 'node:net';

/** Passes bytes on to `port()` of 127.0.0.1. `cut()` ends what there is; while `silent`, nothing passes and nobody is told. */
export async function startProxy(port) {
  const pairs = new Set();
  let silent = false;
  let refusing = false;
  const server = createServer((near) => {
    if (refusing) return near.destroy();
    const far = dial(port(), '127.0.0.1');
    const pair = { near, far, dead: silent };
    pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (bytes) => { if (!pair.dead) to.write(bytes); });
      from.on('error', () => {});
      from.on('close', () => {
        pairs.delete(pair);
        if (!pair.dead) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => { for (const { near, far } of pairs) { near.destroy(); far.destroy(); } };
  return {
    port: server.address().port,
    /** How many connections there are now. */
    get connections() { return pairs.size; },
    cut,
    refuse(on) { refusing = on; },
    /** On: as when a cable is pulled. Off: new connections pass, those of before stay dead. */
    hush(on) {
      silent = on;
      if (on) for (const pair of pairs) pair.dead = true; // a connection that has lost bytes never speaks again
    },
    async stop() {
      silent = false;
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
