/** Something to wait at until a test opens it. */
export function closedGate(): { readonly gate: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { gate, open };
}
