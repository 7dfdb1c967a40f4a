/** Numbers by name, in the order in which they are shown. */
export type Metrics = Readonly<Record<string, number>>;
