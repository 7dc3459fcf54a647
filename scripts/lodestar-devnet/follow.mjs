#!/usr/bin/env node
// `blockmark run` beside a running Lodestar: killed, left out for a while, stopped, each time started again; at the end
// its database is compared with what the node says.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { blockmark, devnet, fail, get, main, options, until } from './clients.mjs';

const USAGE = `usage: follow.mjs [--slots N] [--seconds N] [--work DIR] [--blockmark PROGRAM] [--port N]
  --slots N            follow slots 1 to N (default 240)
  --seconds N          length of a slot (default 3; a busy machine needs more)
  --work DIR           packages, data, logs and the database (default ./lodestar-devnet-work)
  --blockmark PROGRAM  the program (default: blockmark)
  --port N             first of six ports on 127.0.0.1 (default 29600)`;

/** A model of the simulated chain that the program carries. It is here to be used, not to be right. */
function train(program, folder) {
  const model = join(folder, 'model.bmm');
  const steps = [
    ['demo', '--once', '--data-dir', folder],
    ['label', join(folder, 'demo', 'simulated'), join(folder, 'training.parquet')],
    ['train', join(folder, 'training.parquet'), '--model', model],
  ];
  for (const words of steps) {
    const done = blockmark(program, words);
    if (done.status !== 0) fail(`blockmark ${words[0]} failed: ${done.err}`);
  }
  return model;
}

/** A running service; `kill` sends a signal and gives what the process ended with. */
function service(program, words, log) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(log, { flags: 'a' });
  child.stdout.pipe(file);
  child.stderr.pipe(file);
  const ended = new Promise((done) => child.once('exit', (code, signal) => done({ code, signal })));
  process.once('exit', () => child.kill('SIGKILL'));
  const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0);
  return { ended, memory, kill: (signal) => (child.kill(signal), ended) };
}

/** The blocks of the database: slot, root, state. */
function stored(program, database) {
  const done = blockmark(program, ['db', 'export', '-', '--db', database]);
  if (done.status !== 0) fail(`the database can't be read: ${done.err}`);
  const [names, ...rows] = done.out.trim().split('\n').map((line) => line.split(','));
  const at = (name) => names.indexOf(name);
  return rows.map((row) => ({ slot: Number(row[at('slot')]), root: row[at('block_root')], state: row[at('canonical')] }));
}

/** The upper end of the bucket that holds a share of the measurements. */
function quantile(metrics, name, share) {
  const buckets = [...metrics.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)`, 'gm'))].map((found) => [found[1], Number(found[2])]);
  const all = buckets.at(-1)?.[1] ?? 0;
  return all === 0 ? 'not measured' : `at most ${buckets.find(([, count]) => count >= share * all)[0]} s of ${all}`;
}

async function run() {
  const defaults = { slots: 240, seconds: 3, work: 'lodestar-devnet-work', blockmark: 'blockmark', port: 29600 };
  const { slots, seconds, blockmark: program, port, ...given } = options(process.argv.slice(2), defaults, USAGE);
  if (slots < 120) fail('--slots: 120 or more, so that a pause can become longer than finality');
  const work = resolve(given.work);
  const folder = join(work, 'follow');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const model = train(program, folder);
  const { url, version } = await devnet({ work, seconds, port });
  const head = async () => Number((await get(url, '/eth/v1/beacon/headers/head')).header.message.slot);
  const reach = async (slot) => until(`slot ${slot}`, 60 + 4 * slot * seconds, async () => ((await head()) >= slot ? true : undefined));
  await reach(1);
  console.log(`${version}, Capella, minimal preset, slots of ${seconds} s`);

  const database = join(folder, 'follow.sqlite');
  const listen = `127.0.0.1:${port + 5}`;
  const words = ['run', '--beacon-node', url, '--db', database, '--model', model, '--listen', listen, '--log', 'info'];
  for (const setting of ['network.name=lodestar-devnet', 'backfill.history=genesis', `nodes.poll_seconds=${seconds}`]) words.push('--set', setting);
  const begin = () => service(program, words, join(work, 'blockmark.log'));
  const told = async (what) => console.log(`  slot ${await head()}: ${what}`);

  let running = begin();
  await reach(Math.floor(slots * 0.3));
  await running.kill('SIGKILL');
  await told('killed (SIGKILL), and started again at once');
  running = begin();
  await reach(Math.floor(slots * 0.4));
  await running.kill('SIGKILL');
  await told('killed (SIGKILL)');
  await reach(Math.floor(slots * 0.65));
  await told('started again after a quarter of the run');
  running = begin();
  await reach(Math.floor(slots * 0.85));
  const ended = await running.kill('SIGTERM');
  if (ended.code !== 0) fail(`after SIGTERM the service ended with ${JSON.stringify(ended)}; see blockmark.log`);
  await told('stopped (SIGTERM): exit code 0; started again');
  running = begin();
  await reach(slots);
  await told('the end');

  // What is behind is filled in the background.
  const from = 1;
  const final = Number((await get(url, '/eth/v1/beacon/states/head/finality_checkpoints')).finalized.epoch) * 8;
  const canonical = new Map();
  for (let slot = from; slot <= slots; slot += 1) {
    const answer = await fetch(`${url}/eth/v1/beacon/headers/${slot}`, { signal: AbortSignal.timeout(30_000) });
    if (answer.ok) canonical.set(slot, (await answer.json()).data.root);
  }
  const ours = () => stored(program, database).filter((row) => row.slot >= from && row.slot <= slots);
  const onChain = (row) => row.state === 'canonical' || row.state === 'finalized';
  const whole = await until('every block of the node', 240, async () => {
    const rows = ours().filter(onChain);
    return rows.length >= canonical.size ? rows : undefined;
  }).catch(() => ours().filter(onChain));
  const metrics = await (await fetch(`http://${listen}/metrics`)).text();
  const gaps = await (await fetch(`http://${listen}/sync/gaps`)).json();
  const memory = running.memory();
  const stoppedWith = await running.kill('SIGTERM');
  const checked = blockmark(program, ['db', 'check', '--db', database]);

  const wrong = [];
  const found = new Map();
  for (const row of whole) {
    if (found.has(row.slot)) wrong.push(`slot ${row.slot}: two blocks of the chain`);
    found.set(row.slot, row.root);
    if (canonical.get(row.slot) !== row.root) wrong.push(`slot ${row.slot}: ${row.root}, the node has ${canonical.get(row.slot)}`);
    if (row.slot <= final && row.state !== 'finalized') wrong.push(`slot ${row.slot}: ${row.state}, and the node says it is final`);
  }
  for (const [slot, root] of canonical) if (!found.has(slot)) wrong.push(`slot ${slot}: ${root} is not stored`);
  const inside = gaps.filter((gap) => gap.start >= from && gap.start <= slots);
  if (inside.length > 0) wrong.push(`gaps: ${JSON.stringify(inside)}`);
  if (stoppedWith.code !== 0) wrong.push(`the service ended with ${JSON.stringify(stoppedWith)}`);
  if (checked.status !== 0) wrong.push(`db check: ${checked.out}${checked.err}`);

  console.log(`\n${version}: slots ${from} to ${slots}, ${canonical.size} blocks on the chain, final up to slot ${final}`);
  console.log(`stored as the node has them: ${[...found].filter(([slot, root]) => canonical.get(slot) === root).length} of ${canonical.size}`);
  console.log(`other branches:              ${ours().length - whole.length} blocks`);
  console.log(`event to stored verdict:     p50 ${quantile(metrics, 'blockmark_verdict_latency_seconds', 0.5)}, p99 ${quantile(metrics, 'blockmark_verdict_latency_seconds', 0.99)}, since the last start`);
  console.log(`most memory:                 ${Math.round(memory / 1024)} MiB`);
  console.log(`load of this machine:        ${loadavg()[0].toFixed(1)} on ${cpus().length} cores`);
  for (const line of wrong.slice(0, 20)) console.log(`DIFFERENT  ${line}`);
  if (wrong.length > 0) fail(`${wrong.length} differences`);
  console.log('No difference.');
}

await main(run);
