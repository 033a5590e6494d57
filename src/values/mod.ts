/** Typed keys and values. @module */
export {};
