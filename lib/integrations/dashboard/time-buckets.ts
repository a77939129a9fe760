/** Most buckets of a history. */
const BUCKETS = 180;

/** Cuts time into buckets of whole seconds, as many as a history needs. */
export class TimeBuckets {
  readonly bucketMs: number;
  private readonly count: number;

  constructor(historyMs: number) {
    this.bucketMs = Math.ceil(historyMs / BUCKETS / 1_000) * 1_000;
    this.count = Math.ceil(historyMs / this.bucketMs);
  }

  /** Number of the bucket that a time is in. */
  at(nowMs: number): number {
    return Math.floor(nowMs / this.bucketMs);
  }

  /** Numbers of the buckets that end with the one that a time is in, oldest first. */
  last(nowMs: number, count = this.count): readonly number[] {
    const newest = this.at(nowMs);
    return Array.from({ length: count }, (_, index) => newest - count + 1 + index);
  }

  startOf(bucket: number): number {
    return bucket * this.bucketMs;
  }
}

/** One number for each bucket, in a ring. */
export class BucketSeries {
  private readonly values = new Float64Array(BUCKETS);
  private newest = Number.NEGATIVE_INFINITY;

  add(bucket: number, value: number): void {
    if (this.reach(bucket)) this.values[bucket % BUCKETS] = this.at(bucket) + value;
  }

  /** Keeps the largest value of a bucket. */
  raise(bucket: number, value: number): void {
    if (this.reach(bucket)) this.values[bucket % BUCKETS] = Math.max(this.at(bucket), value);
  }

  at(bucket: number): number {
    return bucket > this.newest || bucket <= this.newest - BUCKETS ? 0 : (this.values[bucket % BUCKETS] ?? 0);
  }

  read(buckets: readonly number[]): readonly number[] {
    return buckets.map((bucket) => this.at(bucket));
  }

  /** Clears what a newer bucket takes the place of; whether the bucket is still kept. */
  private reach(bucket: number): boolean {
    if (bucket - this.newest >= BUCKETS) this.values.fill(0);
    else for (let next = this.newest + 1; next <= bucket; next += 1) this.values[next % BUCKETS] = 0;
    this.newest = Math.max(this.newest, bucket);
    return bucket > this.newest - BUCKETS;
  }
}
