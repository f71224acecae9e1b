import { defineConfig } from "vite";

// The token server beside this page: it signs people in, mints their tokens, and serves what is built.
const { TOKEN_SERVER: server = "http://127.0.0.1:3000" } = process.env;

export default defineConfig({
  base: "/react/",
  // While developing, the page is served here, and asks the token server as if it were its own.
  server: { host: "127.0.0.1", proxy: { "/session": server, "/token": server } },
  build: { target: "es2022" },
});
