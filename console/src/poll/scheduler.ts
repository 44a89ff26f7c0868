// The one scheduler of everything that is asked again and again. It asks nothing
// while the tab is hidden or updating is paused, waits longer after each error
// (with jitter, so that many browsers do not return together), honors Retry-After,
// and never has two requests for the same thing under way.
import { ApiProblem } from '../api/problem';

/** While something runs, and otherwise (milliseconds). */
export const ACTIVE = 2000;
export const IDLE = 30_000;
const LONGEST_WAIT = 30_000;
const FRESH = 1000; // what is younger is not asked for again on focus

export interface Watch {
  id: string;
  /** Asks once. It rejects with what the API answered. */
  ask: () => Promise<unknown>;
  /** Milliseconds between the last answer and the next question; null for never again. */
  interval: () => number | null;
  /** When the last answer came, in milliseconds since 1970; 0 before the first. */
  answeredAt: () => number;
}

interface Entry {
  watch: Watch;
  watchers: number;
  busy: boolean;
  failures: number;
  retryAt: number;
  /** Asking again is of no use: signed out, forbidden, gone. */
  over: boolean;
  asap: boolean;
}

export interface Standing {
  /** The API does not answer. */
  failing: boolean;
  /** The last good answer, in milliseconds since 1970; 0 for none yet. */
  lastGood: number;
  /** When it is tried again. */
  retryAt: number;
}

export interface Environment {
  now: () => number;
  random: () => number;
  hidden: () => boolean;
  paused: () => boolean;
}

export class Scheduler {
  private entries = new Map<string, Entry>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private listeners = new Set<() => void>();
  private current: Standing = { failing: false, lastGood: 0, retryAt: 0 };

  constructor(private env: Environment) {}

  /** Begins to ask; the returned function ends it. The same id is asked once for all. */
  watch(watch: Watch): () => void {
    const known = this.entries.get(watch.id);
    if (known) {
      known.watchers++;
      known.watch = watch;
      known.over = false;
    } else {
      this.entries.set(watch.id, { watch, watchers: 1, busy: false, failures: 0, retryAt: 0, over: false, asap: false });
    }
    this.plan();
    let ended = false;
    return () => {
      const entry = this.entries.get(watch.id);
      if (ended || !entry) return;
      ended = true;
      if (--entry.watchers === 0) this.entries.delete(watch.id);
      this.plan();
    };
  }

  /** Asks for one thing, or for everything that failed, without waiting. */
  now(id?: string): void {
    for (const [key, entry] of this.entries) {
      if (id !== undefined && key !== id) continue;
      entry.asap = id !== undefined || entry.failures > 0;
      entry.retryAt = 0;
      entry.over = false;
    }
    this.plan();
  }

  /** The tab is seen again: everything that is not fresh is asked for. */
  focused(): void {
    for (const entry of this.entries.values()) {
      if (!entry.over && entry.watch.interval() !== null && this.env.now() - entry.watch.answeredAt() > FRESH) entry.asap = true;
    }
    this.plan();
  }

  /** An answer came that was not asked for here, such as a page's first. */
  heard(at: number): void {
    if (at > this.current.lastGood) this.tell({ ...this.current, lastGood: at });
    this.plan();
  }

  /** Something that decides the next question changed. */
  plan = (): void => {
    clearTimeout(this.timer);
    if (this.env.hidden() || this.env.paused()) return;
    const now = this.env.now();
    let next = Infinity;
    for (const entry of this.entries.values()) {
      const due = this.due(entry);
      if (due <= now) void this.ask(entry);
      else next = Math.min(next, due);
    }
    if (next < Infinity) this.timer = setTimeout(this.plan, Math.max(10, next - now));
  };

  private due(entry: Entry): number {
    if (entry.busy || entry.over) return Infinity;
    if (entry.asap) return Math.max(0, entry.retryAt);
    const interval = entry.watch.interval();
    if (interval === null) return Infinity;
    const at = entry.watch.answeredAt();
    // Before the first answer the page itself is asking.
    return at === 0 ? Infinity : Math.max(at + interval, entry.retryAt);
  }

  private async ask(entry: Entry): Promise<void> {
    entry.busy = true;
    entry.asap = false;
    try {
      await entry.watch.ask();
      entry.failures = 0;
      entry.retryAt = 0;
      this.tell({ failing: false, lastGood: this.env.now(), retryAt: 0 });
    } catch (err) {
      const problem = err instanceof ApiProblem ? err : null;
      if (problem?.final) {
        entry.over = true;
      } else {
        entry.failures++;
        const backoff = Math.min(1000 * 2 ** entry.failures, LONGEST_WAIT);
        const wait = Math.max(backoff * (0.75 + 0.25 * this.env.random()), (problem?.retryAfter ?? 0) * 1000);
        entry.retryAt = this.env.now() + wait;
        this.tell({ ...this.current, failing: true, retryAt: entry.retryAt });
      }
    } finally {
      entry.busy = false;
    }
    this.plan();
  }

  private tell(standing: Standing): void {
    this.current = standing;
    for (const listener of this.listeners) listener();
  }

  standing = (): Standing => this.current;

  onStanding = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}
