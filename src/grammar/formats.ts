// Formats as expressions over the whole text. Each accepts what its standard says, within what ajv-formats accepts; of the rarer forms it
// leaves out: leap seconds but 23:59:60Z, hosts of more than 63 characters, addresses in brackets within a URI.

/** Every one of a format's expressions must find a match; undefined for a format that is not known. */
export function formatPatterns(format: string): readonly string[] | undefined {
  return kFormats.get(format);
}

export function knownFormats(): readonly string[] {
  return [...kFormats.keys(), ...kUnjudgedFormats].sort();
}

/** Formats that say what a text is for and not what it is. */
export const kUnjudgedFormats: ReadonlySet<string> = new Set([
  "binary",
  "directory-path",
  "double",
  "file-path",
  "float",
  "int32",
  "int64",
  "json-string",
  "password",
  "path",
]);

// --- internal ---

function whole(...alternatives: readonly string[]): readonly string[] {
  return [`^(?:${alternatives.join("|")})$`];
}

const kBase64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";
const kHex = "[0-9A-Fa-f]";
const kPercent = `%${kHex}{2}`;
/** Letters beyond ASCII of the internationalised formats (RFC 3987's ucschar, but for its last planes). */
const kLetters = "\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{1fffd}";

function times(): Record<string, readonly string[]> {
  const day = "(?:0[1-9]|1\\d|2[0-8])";
  const date = [
    `\\d{4}-(?:(?:0[13578]|1[02])-(?:${day}|29|30|31)|(?:0[469]|11)-(?:${day}|29|30)|02-${day})`,
    "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29",
  ].join("|");
  const hour = "(?:[01]\\d|2[0-3])";
  const clock = `${hour}:[0-5]\\d:[0-5]\\d(?:\\.\\d+)?`;
  const zone = `(?:[Zz]|[+-]${hour}:[0-5]\\d)`;
  const leap = "23:59:60(?:\\.\\d+)?[Zz]";
  const onDate = `(?:${date})[Tt ]`;
  const inDay = "T(?:\\d+H(?:\\d+M)?(?:\\d+S)?|\\d+M(?:\\d+S)?|\\d+S)";
  const days = "(?:\\d+Y(?:\\d+M)?(?:\\d+D)?|\\d+M(?:\\d+D)?|\\d+D)";
  return {
    date: whole(date),
    time: whole(`${clock}${zone}`, leap),
    "date-time": whole(`${onDate}(?:${clock}${zone}|${leap})`),
    "iso-time": whole(`${clock}${zone}?`, leap),
    "iso-date-time": whole(`${onDate}(?:${clock}${zone}?|${leap})`),
    duration: whole(`P(?:${days}(?:${inDay})?|${inDay}|\\d+W)`),
  };
}

function addresses(): Record<string, readonly string[]> {
  const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
  const ipv4 = `(?:${octet}\\.){3}${octet}`;
  const uuid = `(?:urn:uuid:)?${kHex}{8}-(?:${kHex}{4}-){3}${kHex}{12}`;
  const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
  return {
    ipv4: whole(ipv4),
    ipv6: whole(...ipv6(ipv4)),
    uuid: whole(uuid),
    uuid4: whole(uuid),
    hostname: [...whole(`${label("")}(?:\\.${label("")})*\\.?`), "^[^]{1,63}$"],
    email: whole(`${atom}(?:\\.${atom})*@(?:${label("")}\\.)+${label("")}`),
    "idn-email": whole(
      `[${kLetters}A-Za-z0-9!#$%&'*+/=?^_\`{|}~.-]+@${label(kLetters)}(?:\\.${label(kLetters)})*`,
    ),
    "idn-hostname": [...whole(`${label(kLetters)}(?:\\.${label(kLetters)})*\\.?`), "^[^]{1,63}$"],
  };
}

function label(letters: string): string {
  return `[A-Za-z0-9${letters}](?:[A-Za-z0-9${letters}-]*[A-Za-z0-9${letters}])?`;
}

/** Eight groups, or "::" for one or more of them; the last two may be an IPv4 address (RFC 4291 2.2). */
function ipv6(ipv4: string): string[] {
  const group = `${kHex}{1,4}`;
  const forms = [`(?:${group}:){7}${group}`, `(?:${group}:){6}${ipv4}`];
  for (let before = 0; before <= 7; before++) {
    const left = before === 0 ? "" : `${group}(?::${group}){${before - 1}}`;
    const right = before === 7 ? "" : `(?:${group}(?::${group}){0,${6 - before}})?`;
    forms.push(`${left}::${right}`);
    if (before <= 5) forms.push(`${left}::(?:${group}:){0,${5 - before}}${ipv4}`);
  }
  return forms;
}

function resources(): Record<string, readonly string[]> {
  const variable = `(?:[A-Za-z0-9_]|${kPercent})+(?::[1-9]\\d{0,3}|\\*)?`;
  const literal = `[!#$&()*+,./0-9:;=?@A-Z\\[\\]_a-z~\\u00a0-\\ud7ff-]|${kPercent}`;
  const part = "(?:[a-z0-9]+-)*[a-z0-9]+";
  return {
    uri: whole(...uri("")),
    "uri-reference": whole(...uri(""), relative("")),
    iri: whole(...uri(kLetters)),
    "iri-reference": whole(...uri(kLetters), relative(kLetters)),
    "uri-template": whole(`(?:${literal}|\\{[+#./;?&]?${variable}(?:,${variable})*\\})*`),
    url: whole(`(?:https?|ftp)://(?:${part}\\.)+[a-z]{2,}(?::\\d{2,5})?(?:/[^\\s]*)?`),
  };
}

/** RFC 3986, 3987. */
function uri(letters: string): string[] {
  const { character, path, tail } = uriParts(letters);
  return [`[A-Za-z][A-Za-z0-9+.-]*:(?:${path}|${character}+(?:/${character}*)*)${tail}`];
}

function relative(letters: string): string {
  const { character, path, tail } = uriParts(letters);
  const noColon = character.replace(":@", "@");
  return `(?:${path}|${noColon}+(?:/${character}*)*)?${tail}`;
}

function uriParts(letters: string): { character: string; path: string; tail: string } {
  const plain = `A-Za-z0-9._~!$&'()*+,;=${letters}`;
  const character = `(?:[${plain}:@-]|${kPercent})`;
  const authority = `(?:(?:[${plain}:-]|${kPercent})*@)?(?:[${plain}-]|${kPercent})*(?::\\d*)?`;
  const more = `(?:[${plain}:@/?-]|${kPercent})*`;
  return {
    character,
    path: `//${authority}(?:/${character}*)*|/(?:${character}+(?:/${character}*)*)?`,
    tail: `(?:\\?${more})?(?:#${more})?`,
  };
}

function pointers(): Record<string, readonly string[]> {
  const pointer = "(?:/(?:[^~/]|~[01])*)*";
  return {
    "json-pointer": whole(pointer),
    "json-pointer-uri-fragment": whole(`#(?:/(?:[A-Za-z0-9_.!$&'()*+,;:=@-]|${kPercent}|~[01])*)*`),
    "relative-json-pointer": whole(`(?:0|[1-9]\\d*)(?:#|${pointer})`),
  };
}

const kFormats: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ...times(),
    ...addresses(),
    ...resources(),
    ...pointers(),
    byte: whole(kBase64),
    base64: whole(kBase64),
  }),
);
