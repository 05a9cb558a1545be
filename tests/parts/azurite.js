// Starts Azurite without its sweeping, which comes every ten minutes: it stands still for a minute then, and it throws away
// what is just being written. `AZURITE` names its folder.
const constants = require(`${process.env.AZURITE}/dist/src/blob/utils/constants`);
constants.DEFAULT_GC_INTERVAL_MS = 24 * 60 * 60 * 1000;
require(`${process.env.AZURITE}/dist/src/blob/main.js`);
