// datetime.strftime of Python in the C locale, on the UTC fields of a moment.

/** Fields that C's strftime knows and this does not, and text behind a lone %, stay as they are. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (all, flag: string, field: string) => {
    const text = kFields[field]?.(date);
    return text === undefined ? all : flagged(text, flag, field);
  });
}

// --- internal ---

const kMonths = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
] as const;
const kDays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

const two = (value: number) => String(value).padStart(2, "0");
const blank = (value: number) => String(value).padStart(2, " ");
const month = (date: Date) => kMonths[date.getUTCMonth()] ?? "";
const weekday = (date: Date) => kDays[date.getUTCDay()] ?? "";
const hour12 = (date: Date) => date.getUTCHours() % 12 || 12;
const dayOfYear = (date: Date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / kDay);
const kDay = 86_400_000;

// Weeks of the year that begin on `first` (0 Sunday, 1 Monday); the days before the first of them are week 0.
const week = (date: Date, first: number) =>
  two(Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 7 - first) % 7)) / 7));

// The Thursday of a date's week decides its ISO year.
function isoThursday(date: Date): Date {
  return new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * kDay);
}

const kFields: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  C: (date) => two(Math.floor(date.getUTCFullYear() / 100)),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  e: (date) => blank(date.getUTCDate()),
  H: (date) => two(date.getUTCHours()),
  I: (date) => two(hour12(date)),
  k: (date) => blank(date.getUTCHours()),
  l: (date) => blank(hour12(date)),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  f: () => "000000",
  p: (date) => (date.getUTCHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getUTCHours() < 12 ? "am" : "pm"),
  B: month,
  b: (date) => month(date).slice(0, 3),
  h: (date) => month(date).slice(0, 3),
  A: weekday,
  a: (date) => weekday(date).slice(0, 3),
  j: (date) => String(dayOfYear(date) + 1).padStart(3, "0"),
  u: (date) => String(date.getUTCDay() || 7),
  w: (date) => String(date.getUTCDay()),
  U: (date) => week(date, 0),
  W: (date) => week(date, 1),
  V: (date) => two(Math.floor(dayOfYear(isoThursday(date)) / 7) + 1),
  G: (date) => String(isoThursday(date).getUTCFullYear()),
  D: (date) => strftime(date, "%m/%d/%y"),
  x: (date) => strftime(date, "%m/%d/%y"),
  F: (date) => strftime(date, "%Y-%m-%d"),
  T: (date) => strftime(date, "%H:%M:%S"),
  X: (date) => strftime(date, "%H:%M:%S"),
  R: (date) => strftime(date, "%H:%M"),
  r: (date) => strftime(date, "%I:%M:%S %p"),
  c: (date) => strftime(date, "%a %b %e %H:%M:%S %Y"),
  // A moment without time zone has neither.
  z: () => "",
  Z: () => "",
  n: () => "\n",
  t: () => "\t",
  "%": () => "%",
};

// GNU's flags, with which templates write "5 March": - without padding, _ with blanks, 0 with zeros, ^ in capitals.
function flagged(text: string, flag: string, field: string): string {
  if (flag === "^") return text.toUpperCase();
  if (!kPadded.has(field)) return text;
  const bare = text.replace(/^[0 ]+(?=\d)/, "");
  if (flag === "-") return bare;
  if (flag === "_") return bare.padStart(text.length, " ");
  return flag === "0" ? bare.padStart(text.length, "0") : text;
}

const kPadded = new Set("CymdeHIklMSjUWV");
