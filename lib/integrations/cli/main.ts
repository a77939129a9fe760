#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runCommandLine } from './run.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const ended = new AbortController();
process.once('SIGINT', () => ended.abort());
// A reader such as `head` that closes the pipe ends it.
process.stdout.on('error', () => process.exit(0));

const output = {
  isTerminal: process.stdout.isTTY,
  write: (text: string) => void process.stdout.write(text),
  complain: (text: string) => void process.stderr.write(text),
};
process.exitCode = await runCommandLine(process.argv.slice(2), version, output, ended.signal);
