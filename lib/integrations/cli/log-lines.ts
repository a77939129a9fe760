import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { wrongUse } from './failures.js';

/** Longest line, in characters: a file without line ends must not fill the memory. */
const LONGEST = 65_536;

/**
 * Hands over each line of a log, which may be packed by gzip. `-` is the standard input.
 *
 * @param take given `undefined` for a line that is too long
 * @throws CommandFailure if there is no such file
 */
export async function eachLine(path: string, take: (line: string | undefined) => void): Promise<void> {
  const isPacked = path !== '-' && (await beginsAsGzip(path));
  const file: Readable = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 256 * 1_024 });
  const split = (chunks: AsyncIterable<Buffer>): Promise<void> => splitLines(chunks, take);
  try {
    if (isPacked) await pipeline(file, createGunzip(), split);
    else await pipeline(file, split);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (/^Z_|^ERR_Z/.test(code)) throw wrongUse(`${path} is a damaged gzip file: check it with gzip -t.`);
    throw error;
  }
}

async function splitLines(chunks: AsyncIterable<Buffer>, take: (line: string | undefined) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isTooLong = false;
  const hand = (line: string): void => {
    if (isTooLong || line.length > LONGEST) take(undefined);
    else if (line.trim() !== '') take(line.endsWith('\r') ? line.slice(0, -1) : line);
    isTooLong = false;
  };
  for await (const chunk of chunks) {
    const text = rest + decoder.write(chunk);
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      hand(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
    if (rest.length > LONGEST) [rest, isTooLong] = ['', true];
  }
  if (rest !== '' || isTooLong) hand(rest);
}

async function beginsAsGzip(path: string): Promise<boolean> {
  let file;
  try {
    file = await open(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw wrongUse(code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${code ?? ''}`);
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } catch (error) {
    throw wrongUse(`${path} cannot be read: ${String((error as NodeJS.ErrnoException).code)}.`);
  } finally {
    await file.close();
  }
}
