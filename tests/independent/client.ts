// What a newcomer writes with a client that was made of the description: logs in, makes a channel, invites somebody to it, and lists
// the people. The compiler holds it against the generated types.

import {
  createChannel, createInvite, editChannel, getAccount, getChannel, list, listUsers, logInPassword, removeChannel,
} from './generated';
import { client } from './generated/client.gen';

declare const process: { env: Record<string, string>; exit(code: number): never };

async function run(): Promise<void> {
  client.setConfig({ baseUrl: `${process.env.PARLOUR}/api` });
  const login = await logInPassword({ body: { name: 'root', password: process.env.PASSWORD }, throwOnError: true });
  client.setConfig({ auth: login.data.accessToken });
  const me = await getAccount({ throwOnError: true });
  const made = await createChannel({ body: { name: 'Tea', voice: { bitrate: 32_000 } }, throwOnError: true });
  const channel = made.data.id;
  const invite = await createInvite({ body: { channel, uses: 3, roles: ['Member'] }, throwOnError: true });
  const people = await listUsers({ query: { limit: 10 }, throwOnError: true });
  // What it read is what it changes, and nothing else.
  const read = await getChannel({ path: { channel }, throwOnError: true });
  const headers = { 'If-Match': read.response.headers.get('etag') ?? '' };
  await editChannel({ path: { channel }, body: { description: 'Earl Grey' }, headers, throwOnError: true });
  const late = await editChannel({ path: { channel }, body: { description: 'Darjeeling' }, headers });
  const listing = await list({ throwOnError: true });
  const there = listing.data.snapshot?.channels.find((one) => one.id === channel);
  await removeChannel({ path: { channel }, throwOnError: true });
  const gone = await getChannel({ path: { channel } });
  const told = {
    me: me.data.name, channel, invite: invite.data.code, leads: invite.data.channel, people: people.data.users.map((one) => one.name),
    description: there?.description, permissions: there?.permissions, late: late.error?.code, gone: gone.error?.code,
  };
  console.log(JSON.stringify(told));
}

run().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
