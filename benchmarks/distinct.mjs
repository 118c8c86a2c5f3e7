// Law 2's measure: how many tokens of some sequences are distinct, each shared prefix counted once.

/** @param {Iterable<ArrayLike<number>>} sequences */
export function distinctTokens(sequences) {
  const root = new Map();
  let distinct = 0;
  for (const sequence of sequences) {
    let node = root;
    for (let i = 0; i < sequence.length; i++) {
      let next = node.get(sequence[i]);
      if (next === undefined) {
        next = new Map();
        node.set(sequence[i], next);
        distinct++;
      }
      node = next;
    }
  }
  return distinct;
}
