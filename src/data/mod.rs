//! Moving databases and folders, and checking that all has arrived.
