// How the package warns: as a process warning, which Node prints once and `process.on("warning")` hears. Nothing else is written unasked.

/** Of what a warning is. Codes are stable; messages are not. */
export type WarningCode =
  /** A model call that could not be served or recorded, or may not be. */
  | "AGL_UNSEEN_CALL"
  /** Fields of model calls that the endpoint does not know. */
  | "AGL_IGNORED_FIELD"
  /** Something that a rollout left behind failed after its end. */
  | "AGL_STRAY"
  /** A task that its rollouts share, since no copy of it would be the same. */
  | "AGL_SHARED_TASK"
  /** A run that does not learn. */
  | "AGL_LEARNING"
  /** A run that has nothing left to do. */
  | "AGL_RUN"
  /** A listener of the trainer's events failed. */
  | "AGL_LISTENER"
  /** A model of which no token ends an answer. */
  | "AGL_NO_STOP_TOKEN"
  /** A checkpoint that does not say which base weights it is of, or a model whose base weights cannot be told. */
  | "AGL_BASE"
  /** A checkpoint that was trained in another arithmetic. */
  | "AGL_ARITHMETIC"
  /** A GPU that was not asked for and does not work. */
  | "AGL_DEVICE"
  /** A queue of rollouts that no runner takes any of. */
  | "AGL_RUNNERS"
  /** A request that a store's server failed to answer. */
  | "AGL_SERVER";

/** @param detail  printed below the message, such as a stack */
export function warn(code: WarningCode, message: string, detail?: string): void {
  process.emitWarning(message, {
    type: "AgentLightningWarning",
    code,
    ...(detail === undefined ? {} : { detail }),
  });
}
