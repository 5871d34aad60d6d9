// One MQTT connection over WebSockets. A client is made anew for each: what must survive lies in IndexedDB.

import mqtt, { type MqttClient } from "mqtt";
import { SCHEMA_VERSION } from "../core/messages";

const ROOT = "zm/1";
const KEEPALIVE_S = 20;
const CONNECT_TIMEOUT_MS = 8000;
// CONNACK of MQTT 3.1.1: bad user name or password, not authorised.
const DENIED: unknown[] = [4, 5];
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 30_000;

/** Where the broker is and who we are to it. */
export interface Broker {
  url: string;
  device: string;
  password: string;
  software: string;
}

/** `heard` resolves when the message is safe; only then it is acknowledged. */
export interface Ears {
  up(): void;
  down(): void;
  heard(channel: string, payload: Uint8Array): Promise<void>;
  /** `denied`: the broker does not let this phone in. */
  refused(reason: string, denied?: boolean): void;
}

export class Line {
  private client: MqttClient | null = null;
  private attempt = 0;
  private timer = 0;
  private ended = false;

  constructor(
    private readonly broker: Broker,
    private readonly ears: Ears,
  ) {}

  /** Connect, and again after each loss with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). */
  start(): void {
    if (this.ended || this.client) return;
    clearTimeout(this.timer);
    const { url, device, password } = this.broker;
    const named = password ? { username: device, password } : {};
    const will = { topic: this.topic("presence"), payload: this.presence(false), qos: 1, retain: true } as const;
    const client = mqtt.connect(url, {
      ...named,
      will,
      clientId: device,
      clean: true,
      protocolVersion: 4,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // The other kind is a worker made of a string, which the policy of this page forbids.
      timerVariant: "native",
    });
    this.client = client;
    client.handleMessage = (packet, done) => void this.message(packet.topic, packet.payload, done);
    client.on("connect", () => void this.connected(client));
    client.on("error", (error) => this.ears.refused(error.message, DENIED.includes((error as { code?: unknown }).code)));
    client.on("close", () => this.lost(client));
  }

  /** Hand over; false when there is no connection. */
  publish(channel: string, body: object, retain = false): boolean {
    if (!this.client?.connected) return false;
    this.client.publish(this.topic(channel), JSON.stringify(body), { qos: 1, retain });
    return true;
  }

  /** The network is there again: do not wait for the timer. */
  hurry(): void {
    this.attempt = 0;
    this.start();
  }

  /** Nothing can be reached for now; forget the connection, so that nothing is sent into the void. */
  drop(): void {
    this.client?.end(true);
  }

  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.publish("presence", JSON.parse(this.presence(false)), true);
    this.client?.end();
  }

  private async connected(client: MqttClient): Promise<void> {
    await client.subscribeAsync(`${ROOT}/down/${this.broker.device}/+`, { qos: 1 });
    this.attempt = 0;
    this.publish("presence", JSON.parse(this.presence(true)), true);
    this.ears.up();
  }

  private async message(topic: string, payload: string | Uint8Array, done: (error?: Error) => void): Promise<void> {
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    try {
      await this.ears.heard(topic.split("/")[4] ?? "", bytes);
      done();
    } catch (error) {
      // Not safe: not acknowledged, and a new connection asks for it again.
      this.ears.refused(String(error));
      this.drop();
    }
  }

  private lost(client: MqttClient): void {
    if (this.client !== client) return;
    this.client = null;
    this.ears.down();
    const wait_ms = Math.max(50, Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.attempt));
    this.attempt = Math.min(this.attempt + 1, 20);
    if (!this.ended) this.timer = self.setTimeout(() => this.start(), wait_ms);
  }

  private topic(channel: string): string {
    return `${ROOT}/up/${this.broker.device}/${channel}`;
  }

  private presence(online: boolean): string {
    const at = online ? new Date().toISOString() : null;
    const { device, software } = this.broker;
    return JSON.stringify({ schema_version: SCHEMA_VERSION, device, kind: "handset", online, software, at });
  }
}
