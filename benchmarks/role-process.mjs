// A benchmark's own file, run again in a process of its own for one of its roles: what a server and its clients take is then told apart.
import { spawn } from "node:child_process";

/**
 * @param {string} file  which reads --role
 * @param {string} role
 * @param {Readonly<Record<string, unknown>>} options  further flags
 * @param {readonly string[]} [nodeFlags]
 * @returns the process, and `line`, which resolves with its next line of JSON and rejects when it ends before
 */
export function startRole(file, role, options, nodeFlags = []) {
  const args = Object.entries({ ...options, role }).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const child = spawn(process.execPath, [...nodeFlags, file, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let rest = "";
  const waiting = [];
  const lines = [];
  const settle = () => {
    while (lines.length > 0 && waiting.length > 0) waiting.shift().resolve(JSON.parse(lines.shift()));
  };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop();
    lines.push(...parts);
    settle();
  });
  child.on("exit", (status) => {
    for (const { reject } of waiting) reject(new Error(`${role} ended with ${status}`));
  });
  const line = () =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      settle();
    });
  return { child, line };
}

/** Seconds of processor time of this process so far. */
export function ownCpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
