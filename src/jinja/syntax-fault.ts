/** What is wrong with a template's source, and in which line where that is known. */
export class SyntaxFault extends Error {
  constructor(problem: string, line?: number) {
    super(line === undefined ? problem : `${problem} in line ${line}`);
  }
}
