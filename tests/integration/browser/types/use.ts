// Read by tsc only: what a typed program may write, and what it may not.
import { connect, type Call, type CommandError, type Connection, type Lease } from '../../../../proto/web/hookswitch.js';

const client: Connection = connect({
  url: new URL('https://cti.example.com/v1/events'),
  getToken: async () => 'token',
  subscribe: [{ ext: ['101'], types: ['call.*'], directions: ['inbound'] }],
  view: 'own',
  ack: true,
  tab: { id: 'tab-1', visible: true },
  onEvent: (event, cursor) => console.log(event.type, cursor?.length),
  onState: (state, detail) => { if (state === 'waiting') console.log(detail.delay_ms); },
  onLease: (lease: Lease) => console.log(lease.mine, lease.token + 1),
});

const off: () => void = client.on('calls', (calls) => {
  for (const call of calls.values()) console.log(call.legs.map((leg) => leg.state === 'confirmed'), call.customer?.number);
});
off();

export async function main(): Promise<void> {
  try {
    const { command_id } = await client.command('transfer', { to: '102', kind: 'blind' }, { id: 'once' });
    console.log(command_id, (await client.ping(1_000)).latency_ms);
  } catch (error) {
    console.log((error as CommandError).code);
  }
  const call: Call | undefined = client.calls.get('c1');
  const token: number | null = client.holds('calls');
  const sent: boolean = client.send({ type: 'rc-adapter-login' }) && client.publish('x', {}) && client.ack();
  console.log(call?.disposition, token, sent, client.version, client.leases.size, client.welcome?.session);
  client.focus(true, false);
  client.wake();
  client.unsubscribe('a');
  client.close();

  // @ts-expect-error no such state
  if (client.state === 'lost') return;
  // @ts-expect-error no such command
  void client.command('dance');
  // @ts-expect-error a cursor is told, not set
  client.cursor = 'e.1';
  // @ts-expect-error filters hold lists
  client.subscribe('a', { ext: '101' });
}
