#!/usr/bin/env node
// A Lodestar devnet of the Capella fork and the minimal preset: installed, started, recorded by blockmark while it
// runs, replayed with every state root verified, and compared with what the node says.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const VALIDATORS = 64;
const FEE_RECIPIENT = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
const USAGE = `usage: devnet.mjs [--slots N] [--seconds N] [--work DIR] [--out DIR] [--blockmark PROGRAM] [--port N]
  --slots N            record slots 1 to N (default 96: epoch 12 of the minimal preset)
  --seconds N          length of a slot (default 4; a busy machine needs more)
  --work DIR           packages, data and logs of the clients (default ./lodestar-devnet-work)
  --out DIR            the recording (default WORK/recording)
  --blockmark PROGRAM  the program (default: blockmark)
  --port N             first of five ports on 127.0.0.1 (default 29600)`;

function fail(message) {
  console.error(`error: ${message}`);
  process.exitCode = 1;
  throw new Error(message);
}

function options(words) {
  if (words.includes('--help')) {
    console.log(USAGE);
    process.exit(0);
  }
  const found = { slots: '96', seconds: '4', work: 'lodestar-devnet-work', out: '', blockmark: 'blockmark', port: '29600' };
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at].replace(/^--/, '');
    if (!(name in found) || words[at + 1] === undefined) {
      console.error(USAGE);
      process.exit(2);
    }
    found[name] = words[at + 1];
  }
  const numbers = ['slots', 'seconds', 'port'].map((name) => [name, Number(found[name])]);
  for (const [name, value] of numbers) {
    if (!Number.isInteger(value) || value < 1) {
      console.error(`--${name} takes a whole number above 0\n${USAGE}`);
      process.exit(2);
    }
  }
  const work = resolve(found.work);
  return { ...found, ...Object.fromEntries(numbers), work, out: found.out ? resolve(found.out) : join(work, 'recording') };
}

/** Installs one of the two packages, unless it is there. */
function install(name, work) {
  const directory = join(work, name);
  mkdirSync(directory, { recursive: true });
  cpSync(join(HERE, name, 'package.json'), join(directory, 'package.json'));
  if (existsSync(join(directory, 'node_modules', '.bin'))) return directory;
  console.log(`Installing the ${name} client; this takes minutes the first time.`);
  const done = spawnSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
  if (done.status !== 0) fail(`npm install in ${directory} ended with ${done.status}`);
  return directory;
}

const children = [];

/** Starts a client whose output goes to a log. */
function start(name, command, words, { cwd, env = {}, log }) {
  const child = spawn(command, words, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(log);
  child.stdout.pipe(file);
  child.stderr.pipe(file);
  child.ended = new Promise((done) => child.once('exit', done));
  child.ended.then((code) => { child.over = true; if (!child.stopping) console.error(`${name} ended with ${code}; see ${log}`); });
  children.push(child);
  return child;
}

/** Stops what was started, last first. Lodestar may hang: it is given ten seconds. */
async function stop() {
  for (const child of children.reverse()) {
    child.stopping = true;
    if (child.over) continue;
    child.kill('SIGTERM');
    await Promise.race([child.ended, sleep(10_000, undefined, { ref: false })]);
    if (!child.over) child.kill('SIGKILL');
    await child.ended;
  }
}

async function until(what, seconds, attempt) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await attempt().catch(() => undefined);
    if (found !== undefined) return found;
    if (children.some((child) => child.over)) fail(`a client ended while waiting for ${what}`);
    if (Date.now() > end) fail(`no ${what} within ${seconds} s`);
    await sleep(500);
  }
}

async function get(base, path) {
  const answer = await fetch(base + path, { signal: AbortSignal.timeout(30_000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return (await answer.json()).data;
}

/** Runs blockmark to its end; its standard output. */
function blockmark(program, words) {
  const done = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.error) fail(`${program}: ${done.error.message}`);
  return { status: done.status, out: done.stdout, err: done.stderr };
}

/** The genesis of the execution chain, Shanghai from the start. */
function executionGenesis() {
  const zero = ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london'];
  return {
    config: {
      chainId: 1337,
      ...Object.fromEntries(zero.map((fork) => [`${fork}Block`, 0])),
      mergeForkBlock: 0,
      terminalTotalDifficulty: 0,
      terminalTotalDifficultyPassed: true,
      shanghaiTime: 0,
    },
    nonce: '0x0', timestamp: '0x0', extraData: '0x', gasLimit: '0x1c9c380', difficulty: '0x0',
    mixHash: `0x${'00'.repeat(32)}`, coinbase: `0x${'00'.repeat(20)}`, number: '0x0', gasUsed: '0x0',
    parentHash: `0x${'00'.repeat(32)}`, baseFeePerGas: '0x3b9aca00',
    alloc: { [FEE_RECIPIENT]: { balance: '0x21e19e0c9bab2400000' } },
  };
}

async function run() {
  const { slots, seconds, work, out, blockmark: program, port } = options(process.argv.slice(2));
  if (Number(process.versions.node.split('.')[0]) < 20) fail('Node 20 or later is needed');
  mkdirSync(work, { recursive: true });
  const execution = install('execution', work);
  const consensus = install('consensus', work);
  const data = join(work, 'data');
  rmSync(data, { recursive: true, force: true });
  if (out === join(work, 'recording')) rmSync(out, { recursive: true, force: true });
  else if (existsSync(out)) fail(`${out} is there already`);
  mkdirSync(data);
  const secret = join(data, 'jwt.hex');
  writeFileSync(secret, randomBytes(32).toString('hex'));
  writeFileSync(join(data, 'genesis.json'), JSON.stringify(executionGenesis()));
  const [p2p, rpc, engine, api, gossip] = [0, 1, 2, 3, 4].map((more) => String(port + more));

  start('the execution client', join(execution, 'node_modules', '.bin', 'ethereumjs'), [
    '--gethGenesis', join(data, 'genesis.json'), '--dataDir', join(data, 'execution'), '--isSingleNode', '--sync', 'none',
    '--discV4', 'false', '--discDns', 'false', '--extIP', '127.0.0.1', '--port', p2p, '--rpc', '--rpcAddr', '127.0.0.1', '--rpcPort', rpc,
    '--rpcEngine', '--rpcEngineAddr', '127.0.0.1', '--rpcEnginePort', engine, '--jwtSecret', secret,
  ], { cwd: data, log: join(work, 'execution.log') });
  const eth1 = await until('execution client', 90, async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber', params: ['0x0', false] });
    const answer = await fetch(`http://127.0.0.1:${rpc}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return (await answer.json()).result?.hash;
  });

  writeFileSync(join(data, 'params.yaml'), [
    'PRESET_BASE: minimal', 'CONFIG_NAME: lodestar-devnet', `SECONDS_PER_SLOT: ${seconds}`, 'MIN_GENESIS_TIME: 0', 'GENESIS_DELAY: 0',
    `MIN_GENESIS_ACTIVE_VALIDATOR_COUNT: ${VALIDATORS}`, 'ALTAIR_FORK_EPOCH: 0', 'BELLATRIX_FORK_EPOCH: 0', 'CAPELLA_FORK_EPOCH: 0',
    'TERMINAL_TOTAL_DIFFICULTY: 0', '',
  ].join('\n'));
  const genesisTime = Math.floor(Date.now() / 1000) + 30;
  const url = `http://127.0.0.1:${api}`;
  start('Lodestar', join(consensus, 'node_modules', '.bin', 'lodestar'), [
    'dev', '--paramsFile', join(data, 'params.yaml'), '--dataDir', join(data, 'consensus'),
    '--genesisValidators', String(VALIDATORS), '--startValidators', `0..${VALIDATORS - 1}`,
    '--genesisEth1Hash', eth1, '--genesisTime', String(genesisTime), '--eth1', 'false',
    '--execution.urls', `http://127.0.0.1:${engine}`, '--jwt-secret', secret, '--suggestedFeeRecipient', FEE_RECIPIENT,
    '--rest', '--rest.namespace', '*', '--rest.address', '127.0.0.1', '--rest.port', api, '--beaconNodes', url,
    '--listenAddress', '127.0.0.1', '--port', gossip, '--discv5', 'false', '--metrics', 'false',
  ], {
    cwd: data,
    env: { LODESTAR_PRESET: 'minimal', NODE_OPTIONS: `--require ${join(HERE, 'promise.cjs')}` },
    log: join(work, 'consensus.log'),
  });
  const version = await until('Lodestar', 120, async () => (await get(url, '/eth/v1/node/version')).version);
  console.log(`${version}, ${VALIDATORS} validators, Capella, minimal preset, slots of ${seconds} s, at ${url}`);

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

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => stop().then(() => process.exit(130)));
}
try {
  await run();
} catch (error) {
  if (process.exitCode !== 1) console.error(error);
  process.exitCode = 1;
} finally {
  await stop();
}
