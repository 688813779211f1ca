// Starts `brim serve` for a test, on a port of its own.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';

const kBinary = process.env.BRIM_BINARY;
const kImage = process.env.BRIM_IMAGE;

export async function startServer(options = [], image = kImage, environment = {}) {
  const child = spawn(kBinary, ['serve', image, '--port', '0', ...options],
    {stdio: ['ignore', 'pipe', 'pipe'], env: {...process.env, ...environment}});
  let errors = '';
  child.stderr.on('data', text => { errors += text; });
  const exited = once(child, 'exit');
  const url = await new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', line => {
      const match = /http:\/\/[0-9.]+:[0-9]+/.exec(line);
      if (match) resolve(match[0]);
    });
    exited.then(([code]) => reject(new Error(`brim serve ended with ${code}: ${errors}`)));
  });
  return {
    url,
    pid: child.pid,
    // Ends it as a user would; what it said on standard error and its exit code are the caller's to judge.
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const [code, by] = await exited;
      return {code, signal: by, errors};
    },
  };
}
