// A devnet of one Lodestar node and one EthereumJS client: the Capella fork, the minimal preset, 64 validators; and how
// to ask and stop them.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const VALIDATORS = 64;
const FEE_RECIPIENT = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
export function fail(message) {
  console.error(`error: ${message}`);
  process.exitCode = 1;
  throw new Error(message);
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
export function start(name, command, words, { cwd, env = {}, log }) {
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
export async function stop() {
  for (const child of children.reverse()) {
    child.stopping = true;
    if (child.over) continue;
    child.kill('SIGTERM');
    await Promise.race([child.ended, sleep(10_000, undefined, { ref: false })]);
    if (!child.over) child.kill('SIGKILL');
    await child.ended;
  }
}

export async function until(what, seconds, attempt) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await attempt().catch(() => undefined);
    if (found !== undefined) return found;
    if (children.some((child) => child.over)) fail(`a client ended while waiting for ${what}`);
    if (Date.now() > end) fail(`no ${what} within ${seconds} s`);
    await sleep(500);
  }
}

export async function get(base, path) {
  const answer = await fetch(base + path, { signal: AbortSignal.timeout(30_000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return (await answer.json()).data;
}

/** Runs blockmark to its end; its standard output. */
export function blockmark(program, words) {
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

/** Installs and starts both clients; the URL and version of the beacon node once it answers. */
export async function devnet({ work, seconds, port }) {
  if (Number(process.versions.node.split('.')[0]) < 20) fail('Node 20 or later is needed');
  mkdirSync(work, { recursive: true });
  const execution = install('execution', work);
  const consensus = install('consensus', work);
  const data = join(work, 'data');
  rmSync(data, { recursive: true, force: true });
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

  return { url, version };
}

/** Runs a script's work to its end, and stops what it started whatever happens. */
export async function main(work) {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => stop().then(() => process.exit(130)));
  }
  try {
    await work();
  } catch (error) {
    if (process.exitCode !== 1) console.error(error);
    process.exitCode = 1;
  } finally {
    await stop();
  }
}

/** Numbers and texts of the command line over their defaults; the usage where it asks for help or is wrong. */
export function options(words, defaults, usage) {
  if (words.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  const found = { ...defaults };
  const wrong = (text) => {
    console.error(`${text}${usage}`);
    process.exit(2);
  };
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at].replace(/^--/, '');
    const value = words[at + 1];
    if (!(name in found) || value === undefined) wrong('');
    const isNumber = typeof defaults[name] === 'number';
    found[name] = isNumber ? Number(value) : value;
    if (isNumber && (!Number.isInteger(found[name]) || found[name] < 1)) wrong(`--${name} takes a whole number above 0\n`);
  }
  return found;
}
