#!/usr/bin/env node
// A Lodestar devnet of the Capella fork and the minimal preset: installed, started, recorded by blockmark while it
// runs, replayed with every state root verified, and compared with what the node says.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { blockmark, devnet, fail, get, main, options, stop, until } from './clients.mjs';

const USAGE = `usage: devnet.mjs [--slots N] [--seconds N] [--work DIR] [--out DIR] [--blockmark PROGRAM] [--port N]
  --slots N            record slots 1 to N (default 96: epoch 12 of the minimal preset)
  --seconds N          length of a slot (default 4; a busy machine needs more)
  --work DIR           packages, data and logs of the clients (default ./lodestar-devnet-work)
  --out DIR            the recording (default WORK/recording)
  --blockmark PROGRAM  the program (default: blockmark)
  --port N             first of five ports on 127.0.0.1 (default 29600)`;

async function run() {
  const defaults = { slots: 96, seconds: 4, work: 'lodestar-devnet-work', out: '', blockmark: 'blockmark', port: 29600 };
  const { slots, seconds, blockmark: program, port, ...given } = options(process.argv.slice(2), defaults, USAGE);
  const work = resolve(given.work);
  const out = given.out ? resolve(given.out) : join(work, 'recording');
  if (out === join(work, 'recording')) rmSync(out, { recursive: true, force: true });
  else if (existsSync(out)) fail(`${out} is there already`);
  const { url, version } = await devnet({ work, seconds, port });

  // The genesis state is kept by the node for a while only, so it is recorded with the first block.
  const record = (last) => blockmark(program, ['record', '1', String(last), out, '--beacon-node', url]);
  const head = async () => Number((await get(url, '/eth/v1/beacon/headers/head')).header.message.slot);
  await until('first block', 60 + 10 * seconds, async () => ((await head()) >= 1 ? true : undefined));
  const first = record(1);
  if (first.status !== 0) fail(`the first block can't be recorded: ${first.err}`);
  console.log('The genesis state and the first block are recorded; the chain goes on.');
  const begun = Date.now();
  // As a user would: recorded again and again, each time as far as the node is.
  for (;;) {
    await sleep(16 * seconds * 1000);
    const reached = Math.min(await head(), slots);
    const more = record(reached);
    if (more.status !== 0) fail(`recording to slot ${reached} failed: ${more.err}`);
    console.log(`  slot ${reached}: ${more.out.trim().replaceAll(out, 'the recording')}`);
    if (reached >= slots) break;
    if (Date.now() - begun > 3 * slots * seconds * 1000) fail('the chain has stopped');
  }

  const checkpoints = await get(url, '/eth/v1/beacon/states/head/finality_checkpoints');
  const compared = await compare({ url, program, out, slots });
  await stop();
  const { blocks, roots, states, empty, wrong } = compared;
  console.log(`\n${version}: slots 1 to ${slots}, ${blocks} blocks, ${empty} slots without one`);
  console.log(`finalized epoch ${checkpoints.finalized.epoch}, justified epoch ${checkpoints.current_justified.epoch} of head`);
  console.log(`block roots equal:           ${roots} of ${blocks}`);
  console.log(`state roots equal:           ${states} of ${blocks}  (every state recomputed from genesis; signatures verified)`);
  console.log(`load of this machine:        ${loadavg()[0].toFixed(1)} on ${cpus().length} cores`);
  console.log(`recording:                   ${compared.bytes} bytes in ${out}`);
  for (const line of wrong.slice(0, 20)) console.log(`DIFFERENT  ${line}`);
  if (wrong.length > 0) fail(`${wrong.length} differences`);
  console.log('No difference.');
}

/** What the node says of each slot, against what blockmark's replay says. */
async function compare({ url, program, out, slots }) {
  const replay = blockmark(program, ['debug', 'replay', out, '--json']);
  if (replay.status !== 0) fail(`the replay failed: ${replay.err}`);
  const ours = new Map(replay.out.trim().split('\n').map((line) => JSON.parse(line)).map((line) => [line.slot, line]));
  const counts = { blocks: 0, roots: 0, states: 0, empty: 0, wrong: [] };
  for (let slot = 1; slot <= slots; slot += 1) {
    const answer = await fetch(`${url}/eth/v1/beacon/headers/${slot}`, { signal: AbortSignal.timeout(30_000) });
    const mine = ours.get(slot);
    if (answer.status === 404) {
      counts.empty += 1;
      if (mine) counts.wrong.push(`slot ${slot}: recorded, and the node has no block`);
      continue;
    }
    const { root, header } = (await answer.json()).data;
    counts.blocks += 1;
    if (!mine) {
      counts.wrong.push(`slot ${slot}: the node has ${root}, and the recording nothing`);
      continue;
    }
    if (mine.block_root === root) counts.roots += 1;
    else counts.wrong.push(`slot ${slot}: block ${mine.block_root}, the node has ${root}`);
    if (mine.state_root === header.message.state_root) counts.states += 1;
    else counts.wrong.push(`slot ${slot}: state ${mine.state_root}, the node has ${header.message.state_root}`);
  }
  counts.bytes = Number(spawnSync('du', ['-sb', out], { encoding: 'utf8' }).stdout.split('\t')[0]);
  return counts;
}

await main(run);
