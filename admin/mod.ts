/** Watch and run a follower over HTTP. @module */
export {};
