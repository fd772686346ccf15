/** Every line: what it does, and statements that do it. */
export type Corpus = readonly (readonly [expected: string, ...statements: string[]])[]
