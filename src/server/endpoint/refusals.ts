// Refusals that many tables of fields have, by what passes: a value that asks for what is done anyway.
import type { Refusal } from "./field-table.js";

export const never: Refusal = {};
export const isOff: Refusal = { neutral: [false] };
export const isOn: Refusal = { neutral: [true] };
export const isZero: Refusal = { neutral: [0] };
export const isOne: Refusal = { neutral: [1] };
export const isEmpty: Refusal = { neutral: [[], {}, ""] };
