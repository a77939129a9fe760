import { Breaker } from '../../../../lib/breaker/breaker.js';
/** Leaves so many breakers open, and as many calls under way that never end, under a deadline far off. */
export default async function leaveOpenBreakers(count) {
    const breakers = Array.from({ length: count }, (_, index) => new Breaker({ name: `b${index}`, failureThreshold: 1 }));
    for (const breaker of breakers)
        await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined);
    let pending = 0;
    for (let index = 0; index < count; index += 1) {
        void new Breaker({ callTimeout: '1h' }).execute(() => {
            pending += 1;
            return new Promise(() => undefined);
        });
    }
    return { open: breakers.filter((breaker) => breaker.status().state === 'open').length, pending };
}
