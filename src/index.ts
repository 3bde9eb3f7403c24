export { InputError, WorkError } from "./errors.js";
