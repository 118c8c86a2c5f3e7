// Several engines with the same weights as one: a sample runs on one of them, everything else on all. Each keeps the gradients of its own
// micro-batches; every step is taken by all from their sum, so that they stay the same bit for bit.
import { LightningError } from "../base/error.js";
import type { NativePasses } from "./engine/binding.js";
import type { Lanes, PolicyEngine } from "./policy-parts.js";
import { createReplicaGroup, type Replica, type ReplicaGroup } from "./replicas/replica-group.js";
import { createRoutes, type Routes } from "./replicas/replica-routes.js";
import { sumCounters, sumPlans, sumTensors } from "./replicas/replica-sums.js";

export type Replicas = readonly [Replica, ...Replica[]];

/**
 * @param replicas  loaded, without adapters
 * @param cacheTokens  of the token memory of each
 * @throws E_DEVICE when they would not compute the same bits
 */
export function createReplicas(
  replicas: Replicas,
  cacheTokens: number,
): { readonly engine: PolicyEngine; readonly lanes: Lanes } {
  const arithmetic = checkArithmetic(replicas);
  const group = createReplicaGroup(mapAll(replicas, createMember));
  const routes = createRoutes(replicas.length, cacheTokens);
  return {
    engine: {
      plan: () => sumPlans(replicas.map(({ engine }) => engine.plan())),
      counters: () => sumCounters(replicas.map(({ engine }) => engine.counters())),
      arithmetic: () => arithmetic,
      ...createAdapterCalls(group, routes),
      ...createSampleCalls(group, routes),
      ...createTrainingCalls(group, routes),
      close() {
        for (const { engine } of replicas) engine.close();
      },
    },
    lanes: mapAll(group.all, (member) => createLane(group, member)),
  };
}

// --- internal ---

interface Member extends Replica {
  readonly index: number;
  /** Its own handle of an adapter of the policy. */
  handle(adapter: number): number;
  readonly handles: Map<number, number>;
}

type Group = ReplicaGroup<Member>;
type Step = Awaited<ReturnType<PolicyEngine["optimStep"]>>;

function createMember({ name, engine }: Replica, index: number): Member {
  const handles = new Map<number, number>();
  // What is not there is the base model.
  return { name, engine, index, handles, handle: (adapter) => handles.get(adapter) ?? adapter };
}

function mapAll<T, U>(all: readonly [T, ...T[]], map: (each: T, index: number) => U): [U, ...U[]] {
  const [first, ...others] = all;
  return [map(first, 0), ...others.map((each, i) => map(each, i + 1))];
}

function checkArithmetic([first, ...others]: Replicas): string {
  const arithmetic = first.engine.arithmetic();
  const other = others.find(({ engine }) => engine.arithmetic() !== arithmetic);
  if (other === undefined) return arithmetic;
  throw new LightningError(
    "E_DEVICE",
    `loadPolicy: expected devices of one arithmetic, got ${arithmetic} on ${first.name} and ${other.engine.arithmetic()} on ${other.name}; name devices of one kind`,
  );
}

function createLane(group: Group, member: Member): NativePasses {
  return {
    divide: (batch, shares) => member.engine.divide(batch, shares),
    forward: (batch) =>
      group.call(member, ({ engine, handle }) =>
        engine.forward({ ...batch, adapter: handle(batch.adapter) }),
      ),
    backward: (dLogprobs, dEntropies) =>
      group.call(member, ({ engine }) => engine.backward(dLogprobs, dEntropies)),
  };
}

function createAdapterCalls(
  group: Group,
  routes: Routes,
): Pick<PolicyEngine, "addAdapter" | "removeAdapter"> {
  let next = 0;
  return {
    async addAdapter(adapter) {
      const own = await group.change(
        ({ engine }) => engine.addAdapter(adapter),
        ({ engine }, handle) => engine.removeAdapter(handle),
      );
      const handle = next++;
      for (const { handles, index } of group.all) handles.set(handle, own[index] ?? handle);
      return handle;
    },
    async removeAdapter(adapter) {
      routes.forget(adapter);
      await group.change(({ engine, handle }) => engine.removeAdapter(handle(adapter)));
      for (const { handles } of group.all) handles.delete(adapter);
    },
  };
}

function createSampleCalls(
  group: Group,
  routes: Routes,
): Pick<PolicyEngine, "sample" | "cancel" | "holdSampler"> {
  const running = new Map<number, Member>();
  return {
    async sample(id, request) {
      const { adapter, prompt, n } = request;
      const route = routes.enter(adapter, prompt, n);
      const member = group.all[route.replica] ?? group.all[0];
      running.set(id, member);
      try {
        const choices = await group.call(member, ({ engine, handle }) =>
          engine.sample(id, { ...request, adapter: handle(adapter) }),
        );
        for (const { tokens } of choices) route.learn(tokens);
        return choices;
      } finally {
        running.delete(id);
        route.leave();
      }
    },
    cancel: (id, choice, keep) => running.get(id)?.engine.cancel(id, choice, keep),
    holdSampler(held) {
      for (const { engine } of group.all) engine.holdSampler(held);
    },
  };
}

function createTrainingCalls(
  group: Group,
  routes: Routes,
): Pick<PolicyEngine, "optimStep" | "parameters" | "zeroGradients" | "restore"> {
  return {
    async optimStep({ adapter, ...step }) {
      routes.forget(adapter);
      const own = await group.ask(({ engine, handle }) => engine.parameters(handle(adapter), "gradient"));
      const sum = sumTensors(own);
      const putBack = ({ engine, handle, index }: Member): Promise<void> =>
        engine.setGradients(handle(adapter), own[index] ?? []);
      await group.change(({ engine, handle }) => engine.setGradients(handle(adapter), sum), putBack);
      try {
        const results = await group.change(({ engine, handle }) =>
          engine.optimStep({ ...step, adapter: handle(adapter) }),
        );
        return checkAgreement(group, results);
      } catch (error) {
        await group.change(putBack);
        throw error;
      }
    },
    async parameters(adapter, kind) {
      const read = ({ engine, handle }: Member) => engine.parameters(handle(adapter), kind);
      return kind === "gradient" ? sumTensors(await group.ask(read)) : await group.call(group.all[0], read);
    },
    async zeroGradients(adapter) {
      await group.change(({ engine, handle }) => engine.zeroGradients(handle(adapter)));
    },
    async restore(adapter, state) {
      routes.forget(adapter);
      await group.change(({ engine, handle }) => engine.restore(handle(adapter), state));
    },
  };
}

function checkAgreement(group: Group, steps: readonly Step[]): Step {
  const [first, ...others] = steps;
  if (first !== undefined && others.every((step) => sameStep(step, first))) return first;
  const got = steps.map(({ gradNorm, version }) => `norm ${gradNorm} to version ${version}`).join(", ");
  const message = `expected the same step of all, got ${got}; this is a defect of the engine, please report it`;
  return group.part({ code: "E_EXACTNESS", message });
}

function sameStep(a: Step, b: Step): boolean {
  return Object.is(a.gradNorm, b.gradNorm) && a.version === b.version;
}
