// What of a failure can be shown.

/** The words of something that was thrown. @param {unknown} error */
export const wordsOf = (error) => (error instanceof Error ? error.message : String(error));
