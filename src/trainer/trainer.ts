// The contract of a trainer: the loop of agent, policy and algorithm, closed. Nothing is printed unless asked for.
import type { EventEmitter } from "eventemitter3";
import type { Algorithm } from "../algorithms/algorithm.js";
import type { TemplateVariables } from "../policy/chat/template-options.js";
import type { Policy } from "../policy/policy.js";
import type { LightningStore } from "../store/store.js";
import type { Agent } from "../types/agent.js";
import type { Reward } from "../types/reward.js";
import type { Span, SpanDraft } from "../types/span.js";
import type { RolloutResult } from "../types/task-group.js";

export interface Trainer<Task> extends AsyncDisposable {
  /** "step" after each training step, "rollout" after each rollout, "evaluation" after each evaluation. A listener that fails is warned of and changes nothing. */
  readonly events: EventEmitter<TrainerEvents>;
  /** Training steps taken, those before a resumed checkpoint included. */
  readonly steps: number;
  /** Goes on from `checkpointFile` where there is one; every other call does so first. Resolves to the steps taken. Rejects with E_ARGUMENT, E_MODEL. */
  resume(): Promise<number>;
  /**
   * One update: groupSize rollouts of each task, then the algorithm. Rejects with E_ROLLOUT when no rollout can be used (nothing is counted or
   * written then), E_ARGUMENT, E_EXACTNESS, E_NONFINITE, E_CLOSED and the signal's reason.
   */
  step(tasks: readonly Task[], options?: RunSignal): Promise<StepReport>;
  /**
   * Steps over the batches until they end or `stop` says so; evaluates before the first and after every `every` steps. A run that went on from
   * a checkpoint passes over the batches that the fit had taken, each fit in the order of the calls, and warns when none is left. Rejects as
   * step does.
   */
  fit(
    batches: Iterable<readonly Task[]> | AsyncIterable<readonly Task[]>,
    options?: FitOptions<Task>,
  ): Promise<FitReport>;
  /** Runs the agent once on each task with its own sampling, without learning. Rejects as step does, E_ROLLOUT included. */
  evaluate(tasks: readonly Task[], options?: EvaluateOptions): Promise<EvaluationReport>;
  /** One rollout, everything about it: for finding out why an agent earns nothing. */
  dev(task: Task, options?: RunSignal): Promise<DevReport>;
  /** Resolves once the socket of `listen` takes calls. Rejects with E_STATE without `listen`, and with E_STORE where the address cannot be listened on. */
  listening(): Promise<ListeningAt>;
  /** Cancels running rollouts and waits for an update that has begun, which counts; does not close the policy or a store that was passed in. The socket ends with it. */
  close(): Promise<void>;
}

export interface TrainerOptions<Task> {
  readonly policy: Policy;
  /**
   * Called once for each rollout, with a task of its own: a copy of plain data (objects, arrays, and what structuredClone gives back with
   * the same prototype). A task that holds anything else, such as instances of classes, Buffers or functions, is passed as it is, with one
   * warning. What an agent notes about a task it keys by something in it, such as an id. Absent only with `runners: "queue"`, where it is not called.
   */
  readonly agent?: Agent<Task>;
  /** Default: grpo(). */
  readonly algorithm?: Algorithm;
  /** Which adapter learns and answers. Default: the policy's first, or "base" for train: "all". */
  readonly adapter?: string;
  /** Default: a store in memory, closed with the trainer, that keeps the rollouts of the last two steps and of the last evaluation. */
  readonly store?: LightningStore;
  /**
   * Whose processes run the agent. "here" (default): this one. "queue": each rollout waits in the store for a runner (`agl runner`, or a client of
   * Agent Lightning 0.3 or 1.0), whose model calls come back to `listen`; tasks are plain JSON. docs/runners.md.
   */
  readonly runners?: "here" | "queue";
  /** With `runners: "queue"`: how long rollouts may wait untouched before a warning says that no runner is there. Default 60,000. */
  readonly claimTimeoutMs?: number;
  /** Rollouts at a time, of this process; runners have their own. Default 64. */
  readonly concurrency?: number;
  /** Deadline of a rollout; null is none. Default 600,000. */
  readonly timeoutMs?: number | null;
  /** Reward of an agent that throws after a policy call, or "exclude". Default 0. */
  readonly rewardOnError?: number | "exclude";
  /**
   * A rollout that ends with a reward and without a model call of its own: "excluded", and then calls that others made by the asynchronous context
   * alone while it ran are in doubt and excluded too, since one of them may be its own, gone through a shared queue; "allowed" says that the agent
   * may answer without a call: its reward counts, and nothing is in doubt. Default "excluded".
   */
  readonly noCall?: "excluded" | "allowed";
  /**
   * Given after the rollouts of a step or an evaluation, outside routing, each group within `timeoutMs`: agl.rewards, or your own. With one of kind
   * "outcome" the agent need not return a reward. One that fails drops its group (outcome "unscored"). Those of kind "process" stay with
   * the calls that earned them, for rules of credit that read them.
   */
  readonly rewards?: readonly Reward<Task>[];
  /**
   * What the agent earned and what `rewards` give, as one number. "sum" (default): the weighted sum. "normalize": each part in units of its deviation
   * from its group's mean first, so that none drowns another (GDPO, arXiv:2601.05242 eq. 5); evaluations sum.
   */
  readonly combine?: "sum" | "normalize";
  /** Sampling in training, whatever the agent asks for, but that an answer is as short as it asks. Default temperature 1, 512 tokens. */
  readonly sampling?: { readonly temperature?: number; readonly maxTokens?: number };
  /** Most tokens of a model call in validation, when the agent names no limit. Default: that of training. */
  readonly validationMaxTokens?: number;
  /** Model calls that pass to the provider: recorded, or unseen; "*" at the end stands for any rest. More hosts to serve. */
  readonly routes?: {
    readonly forward?: readonly string[];
    readonly ignore?: readonly string[];
    readonly hosts?: readonly string[];
  };
  /**
   * Runs on every span before it leaves the process; null keeps it out. An error of a rollout is shown to it as the span `agentlightning.attempt`:
   * the description of its status, and its attribute `agentlightning.attempt.error`.
   */
  readonly redact?: (span: SpanDraft) => SpanDraft | null;
  /** Variables of the chat template, such as { enable_thinking: false }: over the policy's, below a request's chat_template_kwargs. */
  readonly template?: TemplateVariables;
  /** The date that chat templates print, as "2026-03-10". Default: the policy's. A run goes on with the date it began with. */
  readonly date?: string;
  /** What becomes of what the model thought when the agent does not send it back. "sent" (default): the next prompt is without it, as the agent asked, and begins a row of its own (`rows/breaks/thought`). "keep": the remembered thought stands in the prompt, which goes on. */
  readonly thoughts?: "sent" | "keep";
  /** The policy on a socket, for agents in other processes, threads, languages and machines; beside it the store and the gateway. */
  readonly listen?: ListenOptions;
  /** Of everything random (Law 6). Default 0. */
  readonly seed?: number | bigint;
  /** Metrics are appended here, one JSON object a line. */
  readonly metricsFile?: string;
  /**
   * Where the run is kept after every `checkpointEvery` steps, with weights and optimizer, and gone on from: a run that was killed and is started again with the
   * same options, data and file ends in the same weights. For a deterministic agent: bit for bit.
   */
  readonly checkpointFile?: string;
  /** Default 1. */
  readonly checkpointEvery?: number;
  /**
   * Steps between two measurements of how far a step moved the policy on its own rows (`update/kl`, `update/ratio_*`), the first step included:
   * a forward pass. Default 10; null is never.
   */
  readonly klEvery?: number | null;
  /** A live line and one line a step on stderr. Default false. */
  readonly progress?: boolean;
}

export interface ListenOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Default 127.0.0.1. Any address that other machines reach needs a key. */
  readonly host?: string;
  /** Opens everything. What agents are given are keys made of it, each of which opens one rollout. */
  readonly key?: string;
  /** By which agents reach it, as "https://train.example.org", where that is not the address it listens on. */
  readonly publicUrl?: string;
}

/** Where a trainer listens. */
export interface ListeningAt {
  /** By which agents reach it. */
  readonly url: string;
  readonly port: number;
}

export interface RunSignal {
  /** Cancels the rollouts and rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface EvaluateOptions extends RunSignal {
  /** Replaces the temperature that the agent asks for. */
  readonly temperature?: number;
  /** The metrics' names begin with it. Default "eval/". */
  readonly prefix?: string;
  /** Rollouts of each task. Default 1. */
  readonly samples?: number;
}

export interface FitOptions<Task> extends RunSignal {
  readonly validation?: readonly Task[];
  /** Steps between evaluations. Default 10. */
  readonly every?: number;
  /** Ends the training after a step. */
  stop?(report: StepReport): boolean | Promise<boolean>;
}

export interface StepReport {
  /** From 0. */
  readonly step: number;
  /** By the names of the table in docs/metrics.md. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly rollouts: readonly RolloutResult[];
}

export interface EvaluationReport {
  readonly metrics: Readonly<Record<string, number>>;
  /** Mean over the rollouts that could be used. */
  readonly reward: number;
  readonly rollouts: readonly RolloutResult[];
}

/** Every step's and evaluation's numbers; `rollouts` of the last of each alone, empty in those before. */
export interface FitReport {
  readonly steps: readonly StepReport[];
  readonly evaluations: readonly EvaluationReport[];
}

export interface DevReport {
  readonly result: RolloutResult;
  readonly spans: readonly Span[];
  /** A readable account, a line a fact. */
  readonly text: string;
}

export interface TrainerEvents {
  step: [StepReport];
  rollout: [RolloutResult];
  evaluation: [EvaluationReport];
}
