// Bundles of resources by id and version. The latest is the one changed last.
import type { Resources, ResourcesUpdate } from "../../types/resources.js";
import { notFound } from "../not-found.js";
import type { Bundles } from "../resources-binding.js";
import type { Connection } from "./connection.js";
import { fromIdText, fromJson, toIdText } from "./rows.js";

/** @param version  absent: the newest. @throws E_NOT_FOUND */
export function getResources(
  db: Connection,
  who: string,
  resourcesId: string,
  version?: number,
): ResourcesUpdate {
  const found = findResources(db, resourcesId, version);
  if (found !== null) return found;
  return notFound(
    who,
    "resources",
    version === undefined ? resourcesId : `${resourcesId}, version ${version}`,
  );
}

export function latestResources(db: Connection): ResourcesUpdate | null {
  const row = db.get("SELECT body FROM resources ORDER BY key DESC LIMIT 1");
  return row === undefined ? null : fromJson<ResourcesUpdate>(row.body);
}

/** Ids and versions alone: bundles may be large. */
export function bundlesOf(db: Connection): Bundles {
  return {
    newest(resourcesId) {
      if (typeof resourcesId !== "string") return null;
      const version = db.value("SELECT max(version) FROM resources WHERE id = ?", toIdText(resourcesId));
      return version === null ? null : { resourcesId, version: version as number };
    },
    latest() {
      const row = db.get("SELECT id, version FROM resources ORDER BY key DESC LIMIT 1");
      if (row === undefined) return null;
      return { resourcesId: fromIdText(row.id as string), version: row.version as number };
    },
  };
}

/** The bundle's next version. */
export function addVersion(
  db: Connection,
  resourcesId: string,
  resources: Resources,
  now: number,
): ResourcesUpdate {
  const newest = findResources(db, resourcesId);
  const [version, createTime] = newest === null ? [1, now] : [newest.version + 1, newest.createTime];
  return keepVersion(db, { resourcesId, version, createTime, updateTime: now, resources });
}

/** As it is; it becomes the latest. */
export function keepVersion(db: Connection, update: ResourcesUpdate): ResourcesUpdate {
  const sql = "INSERT INTO resources (id, version, body) VALUES (?, ?, ?)";
  db.run(sql, toIdText(update.resourcesId), update.version, JSON.stringify(update));
  return update;
}

// --- internal ---

/** Null: there is none. @param version  absent: the newest */
function findResources(db: Connection, resourcesId: string, version?: number): ResourcesUpdate | null {
  if (typeof resourcesId !== "string") return null;
  const row =
    version === undefined
      ? db.get("SELECT body FROM resources WHERE id = ? ORDER BY version DESC LIMIT 1", toIdText(resourcesId))
      : db.get("SELECT body FROM resources WHERE id = ? AND version = ?", toIdText(resourcesId), version);
  return row === undefined ? null : fromJson<ResourcesUpdate>(row.body);
}
