import { heldBack, takeUnits } from '../../../lib/algorithms/records.js';

/** One unit at 10, two at 20, four at 30. */
const RECORDS = [10, 1, 20, 2, 30, 4];

describe('records of a log, after the clock stepped back', () => {
  it.each([
    [31, [...RECORDS, 31, 0]],
    [30, [10, 1, 20, 2, 30, 4]],
    [29, [10, 1, 20, 2, 29, 4]],
    [21, [10, 1, 20, 2, 21, 4]],
    [20, [10, 1, 20, 6]],
    [11, [10, 1, 11, 6]],
    [10, [10, 7]],
    [5, [5, 7]],
  ])('to %s are %j', (nowMs, expected) => {
    expect(heldBack(RECORDS, nowMs)).toEqual(expected);
  });

  it('are a list of their own', () => {
    heldBack(RECORDS, 5);
    expect(RECORDS).toEqual([10, 1, 20, 2, 30, 4]);
  });
});

describe('units taken out of a log', () => {
  it.each([
    [0, RECORDS, 0],
    [1, [10, 1, 20, 2, 30, 3], 1],
    [4, [10, 1, 20, 2], 4],
    [5, [10, 1, 20, 1], 5],
    [6, [10, 1], 6],
    [7, [], 7],
    [9, [], 7],
  ])('%s, newest first, leave %j', (cost, left, taken) => {
    expect(takeUnits(RECORDS, cost)).toEqual({ left, taken });
  });

  it.each([
    [20, 1, [10, 1, 20, 1, 30, 4], 1],
    [20, 2, [10, 1, 30, 4], 2],
    [20, 5, [10, 1, 30, 4], 2],
    [10, 1, [20, 2, 30, 4], 1],
    [25, 1, RECORDS, 0],
    [2, 1, RECORDS, 0],
  ])('of the record of %s: %s of them leave %j', (cameMs, cost, left, taken) => {
    expect(takeUnits(RECORDS, cost, cameMs)).toEqual({ left, taken });
  });

  it('leave the list as it was', () => {
    takeUnits(RECORDS, 7);
    expect(RECORDS).toEqual([10, 1, 20, 2, 30, 4]);
  });
});
