import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ProcessReport } from '../gathering.js';
import { print, read } from './state.document.js';

/** An older draft belongs to a killed process, in ms. */
const OLD_DRAFT_MS = 60_000;

/** Two due times with a smaller difference are the same, in ms, because a report is repeated. */
const SAME_MS = 250;

/** The stored circuits, and when their probes are due by the wall clock. */
interface Written {
  readonly shape: string;
  readonly dueAt: readonly number[];
}

/** Receives problems that somebody must fix. */
export interface FileListener {
  /** The file has wrong content. */
  warn(what: string): void;
  /** The file cannot be read or written. */
  inaccessible(what: string): void;
}

/** The file of open circuits. Only the hub of the host writes it, in one step, by a rename. */
export class StateFile {
  private written: Written | undefined;
  private writing: Promise<void> | undefined;
  private wanted: readonly ProcessReport[] | undefined;
  /** The file belongs to another program, or cannot be read: it is not changed. */
  private untouchable = false;

  constructor(
    private readonly path: string,
    private readonly listener: FileListener,
  ) {}

  /** The stored state of the earlier processes; empty if there is no usable file. Never rejects. */
  async load(): Promise<readonly ProcessReport[]> {
    await this.removeDrafts();
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT') return [];
      this.untouchable = true;
      this.listener.inaccessible(
        `the file cannot be read (${code}): open circuits are not stored. Check the permissions of ${this.path}`,
      );
      return [];
    }
    const found = read(text, Date.now());
    switch (found.kind) {
      case 'document':
        return found.processes;
      case 'damaged':
        this.listener.warn(`the file is damaged and will be written again: ${this.path}`);
        return [];
      case 'newer':
        this.leaveAlone('is of a newer release');
        return [];
      case 'foreign':
        this.leaveAlone('holds something else');
        return [];
      default:
        return found satisfies never;
    }
  }

  /** Writes soon, unless the file is up to date. */
  save(processes: readonly ProcessReport[]): void {
    if (this.untouchable) return;
    this.wanted = processes;
    this.writing ??= this.writeAll().finally(() => (this.writing = undefined));
  }

  /** Resolves when the saved state is written. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    while (this.wanted !== undefined) {
      const { wanted } = this;
      this.wanted = undefined;
      const writing = asWritten(wanted, Date.now());
      if (sameAs(this.written, writing, Date.now())) continue;
      try {
        await this.write(print(wanted, Date.now()));
        this.written = writing;
      } catch (error) {
        this.listener.inaccessible(
          `the file cannot be written (${codeOf(error)}): a restart forgets open circuits. Check the folder, the disk and the permissions of ${this.path}`,
        );
      }
    }
  }

  private async write(text: string): Promise<void> {
    const draft = `${this.path}.${randomUUID()}.tmp`;
    try {
      await writeFile(draft, text, { mode: 0o600, flush: true });
      await rename(draft, this.path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  private leaveAlone(why: string): void {
    this.untouchable = true;
    this.listener.warn(
      `the file ${why}, and is not changed: open circuits are not stored. Give another path than ${this.path}`,
    );
  }

  private async removeDrafts(): Promise<void> {
    try {
      const folder = dirname(this.path);
      const prefix = `${basename(this.path)}.`;
      const drafts = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith('.tmp'));
      for (const draft of drafts) {
        const { mtimeMs } = await stat(join(folder, draft));
        if (Date.now() - mtimeMs > OLD_DRAFT_MS) await rm(join(folder, draft), { force: true });
      }
    } catch {
      // Reading the file reports a folder that cannot be read.
    }
  }
}

function asWritten(processes: readonly ProcessReport[], nowMs: number): Written {
  const shape = processes.map(({ id, circuits }) => ({
    id,
    circuits: circuits.map((one) => ({ ...one, dueInMs: 0 })),
  }));
  const dueAt = processes.flatMap(({ circuits }) => circuits).map(({ dueInMs }) => nowMs + dueInMs);
  return { shape: JSON.stringify(shape), dueAt };
}

function sameAs(before: Written | undefined, after: Written, nowMs: number): boolean {
  if (before === undefined) return after.dueAt.length === 0;
  if (before.shape !== after.shape) return false;
  return after.dueAt.every((due, index) => {
    const last = before.dueAt[index] as number;
    return (due <= nowMs && last <= nowMs) || Math.abs(due - last) < SAME_MS;
  });
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';
