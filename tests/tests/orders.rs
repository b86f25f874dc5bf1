//! Orders of the authority: live at once, over on time whatever happens, and what they name.

#[path = "orders/clock.rs"]
mod clock;
#[path = "orders/life.rs"]
mod life;
#[path = "orders/names.rs"]
mod names;
#[path = "orders/scene.rs"]
mod scene;
#[path = "orders/signed.rs"]
mod signed;
