/// <reference lib="esnext.disposable" preserve="true" />
// The public surface: explicit names only. Importing it never loads native code.

export type {
  Algorithm,
  PrepareContext,
  RunPlace,
  StepContext,
  UpdateContext,
  UpdateReport,
} from "./algorithms/algorithm.js";
export { type BaselineOptions, baseline } from "./algorithms/baseline.js";
export type { Compare, ComparedNumber } from "./algorithms/credited-calls.js";
export type { DrGrpoOptions } from "./algorithms/dr-grpo.js";
export type { Exactness } from "./algorithms/exactness.js";
export { grpo } from "./algorithms/grpo.js";
export type { GrpoOptions } from "./algorithms/grpo-options.js";
export { algorithms } from "./algorithms/index.js";
export type { LearningRateOptions, ScheduledRate, Trained, UpdatePlace } from "./algorithms/learning-rate.js";
export type { OptimizerOptions } from "./algorithms/optimizer-options.js";
export type { Recipe } from "./algorithms/policy-gradient.js";
export type { PolicyGradientOptions } from "./algorithms/policy-gradient-options.js";
export type { ReinforcePlusPlusOptions } from "./algorithms/reinforce-plus-plus.js";
export type { DeadGroups, RowOptions, RowSet, TrainingRow } from "./algorithms/rows.js";
export { type Demonstration, type Sft, type SftOptions, sft } from "./algorithms/sft.js";
export { type ErrorCode, LightningError } from "./base/error.js";
export type { Json } from "./base/json-value.js";
export type { DiscountedOptions } from "./credit/discounted.js";
export type { GigpoOptions } from "./credit/gigpo.js";
export { credit } from "./credit/index.js";
export type { PerAgentOptions } from "./credit/per-agent.js";
export type { TermScale } from "./credit/term-scale.js";
export type { TurnLevelOptions } from "./credit/turn-level.js";
export type { AutomatonState, CodePoints, Grammar, GrammarNode } from "./grammar/grammar.js";
export { llm } from "./llm/llm.js";
export type { LlmOptions, LlmPrice, LlmSampling } from "./llm/llm-options.js";
export type { AdapterOptions } from "./policy/adapters/adapter-options.js";
export {
  advantages,
  type DiscountOptions,
  type GaeOptions,
  type GroupAdvantageOptions,
} from "./policy/advantages.js";
export type { RenderChatOptions, RenderedChat, ThoughtField } from "./policy/chat/chat-template.js";
export type { TemplateVariables } from "./policy/chat/template-options.js";
export type { Constraint, KeyedGrammar } from "./policy/constraints/constraint.js";
export { type CreateModelOptions, createModel, type NewModel } from "./policy/create-model.js";
export type { NativeCounters, NativePlan, Projection } from "./policy/engine/binding.js";
export { type Device, type DeviceChoice, type DeviceName, devices } from "./policy/engine/devices.js";
export type { LoadPolicyOptions, TestingOptions } from "./policy/load-options.js";
export { loadPolicy } from "./policy/load-policy.js";
export type { Aggregate } from "./policy/losses/aggregate.js";
export type { CispoOptions } from "./policy/losses/cispo.js";
export type { Correction, CorrectionOptions } from "./policy/losses/correction.js";
export type { DppoOptions } from "./policy/losses/dppo.js";
export type { GmpoOptions } from "./policy/losses/gmpo.js";
export type { GspoOptions } from "./policy/losses/gspo.js";
export { losses } from "./policy/losses/index.js";
export type { LossSequence } from "./policy/losses/loss-inputs.js";
export type {
  LossFunction,
  LossResult,
  PolicyLoss,
  TokenInput,
  TokenNumbers,
} from "./policy/losses/policy-loss.js";
export type { PpoClipOptions } from "./policy/losses/ppo-clip.js";
export type { SapoOptions } from "./policy/losses/sapo.js";
export type { SurrogateLossOptions } from "./policy/losses/surrogate-loss.js";
export type { Architecture } from "./policy/model/architecture.js";
export type { ModelConfig } from "./policy/model/model-config.js";
export type { RopeConfig } from "./policy/model/rope-config.js";
export type {
  Counters,
  ForwardBackwardResult,
  OptimStepOptions,
  OptimStepResult,
  Plan,
  Policy,
  SampledChoice,
  SampleOptions,
  ScoreOptions,
  SequenceScores,
  StreamedToken,
} from "./policy/policy.js";
export type { TokenDecoder } from "./policy/tokenizer/token-decoder.js";
export type { DecodeOptions, Tokenizer } from "./policy/tokenizer/tokenizer.js";
export type { TokenizerSource } from "./policy/tokenizer/tokenizer-files.js";
export type { ToolCallFamily } from "./policy/tool-calls/call-forms.js";
export {
  type ParsedToolCalls,
  parseToolCalls,
  type ToolCallOptions,
} from "./policy/tool-calls/parse-tool-calls.js";
export { rewards } from "./reward/index.js";
export type { JudgeOptions } from "./reward/judge.js";
export type { MatchOptions } from "./reward/matches.js";
export type { OverlongOptions } from "./reward/overlong.js";
export type { Row, SameRowsOptions } from "./reward/same-rows.js";
export type { SignalOptions } from "./reward/signals.js";
export type { ProxyOptions } from "./server/gateway/proxy.js";
export type { GatewayOptions } from "./server/gateway/routes.js";
export type { LogLevel, LogRecord } from "./server/store-api/log-record.js";
export type { RetentionOptions } from "./server/store-api/retention-timer.js";
export { type ServeOptions, type StoreServer, serve } from "./server/store-api/serve.js";
export type { HttpStoreOptions } from "./store/http/open-http-store.js";
export { createMemoryStore } from "./store/memory-store.js";
export { openStore, type StoreOptions } from "./store/open-store.js";
export type { PostgresStoreOptions } from "./store/postgres/open-postgres-store.js";
export type { PreparingOptions } from "./store/preparing-limit.js";
export type { Retention } from "./store/prune.js";
export type { Durability } from "./store/sqlite/connection.js";
export type { DriverName } from "./store/sqlite/driver.js";
export type { SqliteStoreOptions } from "./store/sqlite/open-sqlite-store.js";
export type { LightningStore } from "./store/store.js";
export type {
  AttemptChanges,
  AttemptQuery,
  ChangedRollouts,
  FilterLogic,
  MetadataFilter,
  MetadataRange,
  NewRollout,
  Page,
  Paging,
  ResourcesQuery,
  RolloutChanges,
  RolloutQuery,
  SpanQuery,
  StoreStatistics,
  WaitOptions,
  WorkerQuery,
} from "./store/store-records.js";
export { bind, rollout, unrouted } from "./tracing/context.js";
export {
  type EmitOptions,
  type EmitRewardOptions,
  emitAnnotation,
  emitException,
  emitMessage,
  emitObject,
  emitReward,
} from "./tracing/emit.js";
export { asAgent, type Operation, operation } from "./tracing/operation.js";
export { createTrainer } from "./trainer/create-trainer.js";
export type {
  DevReport,
  EvaluateOptions,
  EvaluationReport,
  FitOptions,
  FitReport,
  ListeningAt,
  ListenOptions,
  RunSignal,
  StepReport,
  Trainer,
  TrainerEvents,
  TrainerOptions,
} from "./trainer/trainer.js";
export type { Agent, AgentResult, RolloutContext, RolloutEndpoint } from "./types/agent.js";
export type { JsonSchema } from "./types/call-request.js";
export type { ChatMessage, TextPart, ToolCall, ToolCallInput, ToolDefinition } from "./types/chat.js";
export type { Credit, CreditCall, CreditGroup, CreditRollout, CreditTerm } from "./types/credit.js";
export type {
  AskablePolicy,
  LanguageAnswer,
  LanguageModel,
  LanguageQuestion,
  LanguageUsage,
} from "./types/language-model.js";
export type { Resource, Resources, ResourcesUpdate } from "./types/resources.js";
export type { Journal, Reward, RewardContext, RewardGroup, RolloutScore } from "./types/reward.js";
export type {
  Attempt,
  AttemptedRollout,
  AttemptStatus,
  Rollout,
  RolloutConfig,
  RolloutMode,
  RolloutStatus,
  Worker,
} from "./types/rollout.js";
export type { CallView, EmittedPart, RolloutView, ToolCallView } from "./types/rollout-view.js";
export type { Attributes, AttributeValue, Span, SpanDraft, SpanEvent, SpanStatus } from "./types/span.js";
export type { RolloutOutcome, RolloutResult, TaskGroup } from "./types/task-group.js";
export type { Trajectory, Transition } from "./types/transition.js";
