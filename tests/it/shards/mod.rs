//! Shards, and what gathering makes of them: as a whole, the same as one machine.

mod equal;
mod kills;
mod refused;
