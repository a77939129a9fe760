/** Leaves so many breakers open, and as many calls under way that never end, under a deadline far off. */
export default function leaveOpenBreakers(count: number): Promise<{
    open: number;
    pending: number;
}>;
