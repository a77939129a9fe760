import { Injectable } from '@nestjs/common';

/** Whether the demo has taken the backend away. The backend looks here; the demo's page switches it. */
@Injectable()
export class Outage {
  private readonly listeners = new Set<(isOn: boolean) => void>();
  private on = false;

  get isOn(): boolean {
    return this.on;
  }

  switch(isOn: boolean): void {
    if (isOn === this.on) return;
    this.on = isOn;
    for (const tell of [...this.listeners]) tell(isOn);
  }

  /** @returns ends it */
  onChange(listener: (isOn: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}
