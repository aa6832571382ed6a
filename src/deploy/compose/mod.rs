//! Bringing the compose tree up with the engine's own API.
