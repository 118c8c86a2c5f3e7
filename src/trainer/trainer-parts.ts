// What the calls of one trainer share.
import type { EventEmitter } from "eventemitter3";
import type { Policy } from "../policy/policy.js";
import type { Settings } from "./options.js";
import type { Pace } from "./reports/pace.js";
import type { Progress } from "./reports/progress.js";
import type { RunHealth } from "./reports/run-health.js";
import type { RewardGiver } from "./rewards/give-rewards.js";
import type { Roller } from "./roller.js";
import type { RunRecord } from "./run/run-record.js";
import type { TrainerEvents } from "./trainer.js";

export interface TrainerParts {
  readonly policy: Policy;
  readonly settings: Settings;
  readonly record: RunRecord;
  readonly roller: Roller;
  readonly rewards: RewardGiver;
  readonly events: EventEmitter<TrainerEvents>;
  readonly progress: Progress;
  readonly health: RunHealth;
  readonly pace: Pace;
}
