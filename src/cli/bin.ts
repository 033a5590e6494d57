#!/usr/bin/env node
import "./main.ts";
console.log("x");
